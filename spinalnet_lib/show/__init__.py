"""What people look at: figures, tables, cards, reports. Nothing here trains."""
