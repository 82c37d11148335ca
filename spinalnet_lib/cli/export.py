"""`spinalnet export`: a saved model as an ONNX file."""

from __future__ import annotations

import argparse


def add(commands) -> None:
    export = commands.add_parser("export", help="a saved model as ONNX, pixels in and probabilities out")
    export.add_argument("model", metavar="MODEL.npz")
    export.add_argument("path", metavar="FILE.onnx")
    export.set_defaults(run=_export)


def _export(args: argparse.Namespace) -> None:
    from ..models.exported import export_onnx

    export_onnx(args.model, args.path)
    print(f"{args.path}: uint8 pixels in, probabilities out; its metadata say classes, size and how pictures are read")
