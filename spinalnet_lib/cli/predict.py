"""`spinalnet predict`: pictures to classes, with a model that `spinalnet train --save` wrote."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path


def add(commands) -> None:
    predict = commands.add_parser("predict", help="the class of pictures, by a saved model")
    predict.add_argument("model", metavar="MODEL.npz")
    predict.add_argument("pictures", metavar="PICTURE|FOLDER")
    predict.add_argument("--csv", metavar="FILE", help="the probabilities of all classes, a row a picture")
    predict.add_argument("--sheet", metavar="FILE.png", help="the pictures with their classes, on one sheet")
    predict.add_argument("--device", help="cuda or cpu (default: cuda where there is one)")
    predict.set_defaults(run=_predict)


def _predict(args: argparse.Namespace) -> None:
    from ..data.class_folders import list_left_out, list_pictures, why_left_out
    from ..files import check_writable, write_whole
    from ..models.prediction import predict
    from ..models.saved import load_model

    if args.sheet and Path(args.sheet).suffix.lower() != ".png":
        raise ValueError(f"--sheet {args.sheet}: the sheet is a PNG; name it {Path(args.sheet).with_suffix('.png')}")
    for place in filter(None, (args.csv, args.sheet)):
        check_writable(place)
    model, paths = load_model(args.model), list_pictures(args.pictures)
    if why := why_left_out(list_left_out(Path(args.pictures), paths)):
        print(f"spinalnet predict: left out: {why}", file=sys.stderr)
    classes, probabilities = predict(model, paths, args.device)
    for path, name, likely in zip(paths, classes, probabilities.amax(1).tolist(), strict=True):
        print(f"{path} {name} {likely:.3f}")
    if args.csv:
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")  # `whole_file` writes the system's
        rows.writerow(["picture", "class", *model.trained_on["classes"]])
        for path, name, shares in zip(paths, classes, probabilities.tolist(), strict=True):
            rows.writerow([path, name, *(f"{share:.6f}" for share in shares)])
        write_whole(args.csv, text.getvalue())
    if args.sheet:
        from ..show.contact_sheet import draw_contact_sheet

        write_whole(args.sheet, draw_contact_sheet(paths, classes, probabilities).to_bytes())
