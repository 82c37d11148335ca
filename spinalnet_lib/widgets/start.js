/* Loaded last: brings every widget of the page to life. */
SpinalWidgets.mountAll();
