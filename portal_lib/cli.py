"""The commands of ``python -m portal_lib``: arguments in, one message and an exit status out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portal_lib import __version__
from portal_lib._parameters import add_options, given_options
from portal_lib._text import nearest, some, suggest
from portal_lib.alignment.parameters import TrainingParameters
from portal_lib.errors import ConfigError, DataError, PortalLibError
from portal_lib.portal.parameters import PortalParameters
from portal_lib.preparation.inputs import is_table
from portal_lib.training.objectives import names

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from anndata import AnnData

PROGRAM = "python -m portal_lib"
# Nearest neighbours that vote on a transferred label.
N_NEIGHBORS = 20
# Label of cells whose neighbours disagree.
UNASSIGNED = "unassigned"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments
        Arguments of the command line; None for ``sys.argv``.

    Returns
    -------
    Exit status: 0, 1 after an error that is printed as one message, 130 after an interruption. Wrong usage raises
    ``SystemExit`` with status 2, as usual with argparse.
    """
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except PortalLibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except MemoryError as error:
        print(f"error: there is not enough memory ({error or 'no details'}).", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; no result was written.", file=sys.stderr)
        return 130
    return 0


class _Parser(argparse.ArgumentParser):
    """Suggests an option where one is misspelt."""

    def parse_known_args(self, args=None, namespace=None):
        self._words = list(sys.argv[1:] if args is None else args)
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return namespace, unknown

    def error(self, message):
        known = [name for name in self._option_string_actions if name.startswith("--")]
        for word in (word.partition("=")[0] for word in self._words if word.startswith("--")):
            near = None if word in known else nearest(word, known)
            message += f"; unknown option {word}, did you mean {near}?" if near else ""
        super().error(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROGRAM,
        description="Portal and MAGAN for single-cell data: integrate batches, align two modalities.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"portal_lib {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    integrate = commands.add_parser(
        "integrate",
        usage=f"{PROGRAM} integrate IN.h5ad --batch-key COLUMN --out OUT.h5ad [options]",
        help="integrate the batches of an h5ad file",
        description="Integrate the batches of an h5ad file. OUT is IN with obsm['X_portal'] and uns['portal'] added.",
        epilog=f"Example: {PROGRAM} integrate atlas.h5ad --batch-key donor --out integrated.h5ad",
        allow_abbrev=False,
    )
    integrate.set_defaults(command=_integrate)
    _add_files(integrate)
    _add_input(integrate)
    _add_training(integrate)
    align = commands.add_parser(
        "align",
        usage=f"{PROGRAM} align X1 X2 --out FOLDER [--shared NAMES] [--pairs FILE] [options]",
        help="align two modalities",
        description="Align two modalities or marker panels, with MAGAN by default. X1 and X2 are h5ad files, FCS files "
        "or tables (csv, tsv), cells × features. FOLDER gets x12 (cells of X1 as X2 would have measured them), x21, "
        "history.tsv and the model, for translate.",
        epilog=f"Example: {PROGRAM} align panel1.csv panel2.csv --shared CD3,CD4,CD8=CD8a --out aligned",
        allow_abbrev=False,
    )
    align.set_defaults(command=_align)
    _add_alignment(align)
    _add_translation(commands)
    _add_inspection(commands)
    _add_scoring(commands)
    return parser


def _add_files(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("input", metavar="IN.h5ad", type=Path, help="cells × genes, raw counts in X (or see --layer, --use-rep)")
    add("--out", required=True, metavar="OUT.h5ad", type=Path, help="output file, written completely or not at all")
    add("--overwrite", action="store_true", help="replace OUT (which may be IN) and the saved model if they exist")
    add("--save-model", metavar="FOLDER", type=Path, help="save the model, for PortalModel.load")
    add("--quiet", action="store_true", help="no progress bar, no summary")


def _add_input(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("data").add_argument
    add("--batch-key", required=True, metavar="COLUMN", help="column of obs with the batch of each cell")
    add(
        "--batches",
        type=_names,
        metavar="A,B,...",
        help="order of the batches; the first is the reference (default: as found)",
    )
    add("--layer", metavar="NAME", help="layer with the raw counts, or 'raw' (default: X)")
    add("--use-rep", metavar="KEY", help="obsm with joint components, such as X_pca, to use instead of counts")
    add("--key-added", default="X_portal", metavar="KEY", help="obsm for the result (default: %(default)s)")
    add(
        "--transfer-labels",
        metavar="COLUMN",
        help=f"label cells without a value in this column of obs by the {N_NEIGHBORS} nearest labelled cells: obs gets "
        "COLUMN_portal and COLUMN_portal_confidence (0 to 1)",
    )
    add(
        "--label-threshold",
        type=float,
        default=0.0,
        metavar="X",
        help=f"transferred labels with a lower confidence become '{UNASSIGNED}' (default: 0, none)",
    )


def _add_training(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("training")
    add_options(group, PortalParameters)
    text = "folder for the state of training; the same command resumes from it after an interruption"
    group.add_argument("--checkpoints", metavar="FOLDER", type=Path, help=text)


def _add_alignment(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("input", metavar="X1", type=Path, help="cells of domain 1; values without long tails (logarithms, arcsinh)")
    add("input2", metavar="X2", type=Path, help="cells of domain 2; the number of features may differ")
    add("--out", required=True, metavar="FOLDER", type=Path, help="output folder, written completely or not at all")
    add("--overwrite", action="store_true", help="replace FOLDER if it contains an alignment")
    add("--quiet", action="store_true", help="no progress bar, no summary")
    known = parser.add_argument_group("correspondence")
    text = "features measured in both: NAME,NAME,NAME1=NAME2,... (or numbers from 0, unless these are names); 'same' "
    text += "for all with the same name"
    known.add_argument("--shared", metavar="NAMES", help=text)
    text = "known pairs of matching cells: two columns, cell of X1 and cell of X2, by name (or number, as above)"
    known.add_argument("--pairs", metavar="FILE", type=Path, help=text)
    data = parser.add_argument_group("data").add_argument
    for domain in (1, 2):
        text = f"columns of X{domain} to use, in this order (default: all; in FCS files, channels with a marker name)"
        data(f"--features{domain}", type=_names, metavar="NAME,...", help=text)
    text = "obsm of h5ad files to use instead of X: KEY for both, or KEY1,KEY2; an empty part means X (KEY1, or ,KEY2)"
    data("--use-rep", metavar="KEY", help=text)
    data(
        "--cofactor",
        type=float,
        metavar="C",
        default=5.0,
        help="transform values of FCS files to arcsinh(value / C); 0 for none (default: 5)",
    )
    group = parser.add_argument_group("training")
    add = group.add_argument
    add("--method", default="magan", metavar="NAME", help=f"{', '.join(names())} (default: magan)")
    add(
        "--no-scale",
        dest="scale",
        action="store_false",
        help="do not standardise; values must be on one scale and within ±10",
    )
    add_options(group, TrainingParameters)
    text = "a parameter of the method, such as lambda_corr=10 or augment_start=0; may be given several times"
    add("--set", dest="weights", action="append", default=[], metavar="NAME=VALUE", help=text)
    add("--checkpoint", metavar="FILE", type=Path, help="file for the state of training, to resume from it")


def _add_translation(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "translate",
        usage=f"{PROGRAM} translate MODEL IN --source N --out OUT [options]",
        help="translate new cells with a model of align",
        description="Translate new cells into the other space with a model of align.",
        epilog=f"Example: {PROGRAM} translate aligned/model new.csv --source 1 --out translated.csv",
        allow_abbrev=False,
    )
    parser.set_defaults(command=_translate)
    add = parser.add_argument
    add("model", metavar="MODEL", type=Path, help="the folder 'model' in FOLDER of align, or a saved Aligner")
    add("input", metavar="IN", type=Path, help="h5ad, FCS or table, as for align; columns are found by name")
    add("--source", required=True, type=int, choices=(1, 2), help="the domain that the cells come from")
    add("--out", required=True, metavar="OUT", type=Path, help="table (csv, tsv), written completely or not at all")
    add("--overwrite", action="store_true", help="replace OUT if it exists")
    add("--use-rep", metavar="KEY", help="obsm of an h5ad file to use instead of X")
    add("--cofactor", type=float, metavar="C", default=5.0, help="cofactor of FCS files, as for align (default: 5)")
    add("--device", metavar="NAME", default="auto", help="auto, cpu, cuda, cuda:1 (default: auto)")
    add("--quiet", action="store_true", help="no summary")


def _add_inspection(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "inspect",
        usage=f"{PROGRAM} inspect FILE [options]",
        help="what a file holds, the problems that a run would meet, and its configuration",
        description="Print what a file holds: cells and genes, where counts are, columns that are likely batches and "
        "labels, genes with counts by batch, the problems that a run of the benchmark would meet, and the entry of its "
        "configuration.",
        epilog=f"Example: {PROGRAM} inspect atlas.h5ad",
        allow_abbrev=False,
    )
    parser.set_defaults(command=_inspect)
    add = parser.add_argument
    add("input", metavar="FILE", type=Path, help="cells × genes: h5ad, zarr, h5mu, 10x HDF5 or folder, loom")
    add("--mod", metavar="NAME", help="modality of an h5mu file, or genome of a 10x file, that holds several")
    add("--batch-key", metavar="COLUMN", help="column of obs with the batches (default: the most likely one)")
    add("--label-key", metavar="COLUMN", help="column of obs with the labels (default: the most likely one)")
    add(
        "--layer",
        metavar="NAME",
        help="layer with the raw counts, or 'raw' (default: X, or the first with counts)",
    )


def _add_scoring(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "score",
        usage=f"{PROGRAM} score FILE --batch-key COLUMN --embedding KEY [--label-key COLUMN] [options]",
        help="score embeddings, however they were made",
        description="Score embeddings of the cells of FILE with the metrics of the benchmark, and print the table.",
        epilog=f"Example: {PROGRAM} score atlas.h5ad --batch-key donor --label-key cell_type --embedding X_scVI "
        "--embedding seurat=seurat.csv --out scores.tsv",
        allow_abbrev=False,
    )
    parser.set_defaults(command=_score)
    add = parser.add_argument
    add("input", metavar="FILE", type=Path, help="h5ad or zarr; its counts are what the embeddings are compared with")
    text = "what to score: a key of obsm or (a neighbour graph) obsp, or a table (csv, tsv) with names of cells in its "
    text += "first column; NAME=... gives it another name; may be given several times"
    add("--embedding", required=True, action="append", metavar="KEY", dest="embeddings", help=text)
    add("--out", metavar="FILE", type=Path, help="table of the scores (tsv), written completely or not at all")
    add("--overwrite", action="store_true", help="replace the table if it exists")
    add("--quiet", action="store_true", help="no table on the screen, no notes")
    add = parser.add_argument_group("data").add_argument
    text = "column of obs with the batch of each cell; given several times, their combinations are the batches"
    add("--batch-key", required=True, action="append", metavar="COLUMN", help=text)
    add("--label-key", metavar="COLUMN", help="column of obs with the cell types (default: metrics without labels)")
    add(
        "--unlabelled",
        action="append",
        default=[],
        metavar="VALUE",
        help="value of the labels that means 'no label', in addition to missing ones; may be given several times",
    )
    add("--pseudotime-key", metavar="COLUMN", help="column of obs with a known pseudotime, numbers from 0")
    add(
        "--layer", metavar="NAME", help="layer with the raw counts, or 'raw' (default: X, or the first that has counts)"
    )
    add("--organism", metavar="NAME", help="human or mouse, for the conservation of the cell cycle")
    text = "scib, fast (those that stay cheap on many cells), portal, all, or NAME,NAME,... (default: scib)"
    add("--metrics", metavar="NAMES", default="scib", help=text)


def _names(text: str) -> list[str]:
    return text.split(",")


def _integrate(options: argparse.Namespace) -> None:
    """Check everything that can be checked before the training, then train and write."""
    _check_out(options)
    from portal_lib.portal.integrate import fit_into, record_key
    from portal_lib.portal.model import PortalModel, check_folder
    from portal_lib.preparation.reading.files import copy_h5ad, opened_h5ad

    given = vars(options)
    model = PortalModel(**given_options(options, PortalParameters))
    if options.save_model is not None:
        check_folder(options.save_model, overwrite=options.overwrite)
    column, data_name, key = options.transfer_labels, str(options.input), options.key_added
    record_name = record_key(key)
    columns = [name for name in (options.batch_key, column) if name is not None]
    with opened_h5ad(options.input, keys=columns, use_rep=options.use_rep) as adata:
        labelled = None if column is None else _labelled(adata, column, options.label_threshold, data_name)
        names = ("batch_key", "batches", "layer", "use_rep", "key_added", "checkpoints")
        fit_into(adata, model, data_name=data_name, progress=not options.quiet, **{name: given[name] for name in names})
        found = {} if labelled is None else _transfer(adata, column, labelled, key, options.label_threshold)
        embedding, record = adata.obsm[key], adata.uns[record_name]
    copy_h5ad(options.input, options.out, obsm={key: embedding}, uns={record_name: record}, obs=found)
    if options.save_model is not None:
        model.save(options.save_model, overwrite=options.overwrite)
    if not options.quiet:
        print(f"{options.out}: obsm['{key}'], {len(embedding):,} cells × {embedding.shape[1]}. {model!r}")


def _align(options: argparse.Namespace) -> None:
    """Check everything that can be checked before the training, then train and write."""
    from portal_lib.alignment import io as files
    from portal_lib.alignment.align import align

    files.check_out(options.out, overwrite=options.overwrite)
    paths = options.input, options.input2
    reps, features = files.representations(options.use_rep), (options.features1, options.features2)
    domains = files.read_domains(paths, cofactor=options.cofactor, features=features, use_rep=reps)
    known, notes = files.correspondences(options.shared, options.pairs, domains, data_name=paths, use_rep=reps)
    _print_notes([*notes, *(() if options.quiet else files.notes_on_channels(paths, domains))])
    found = align(
        *domains,
        **known,
        method=options.method,
        use_rep=reps,
        scale=options.scale,
        checkpoint=options.checkpoint,
        progress=not options.quiet,
        data_name=tuple(map(str, paths)),
        **given_options(options, TrainingParameters),
        **files.weights_of(options.weights),
    )
    written = files.write_alignment(options.out, found, domains, paths)
    _print_notes(found.notes)
    if not options.quiet:
        both = zip(written, (found.x12, found.x21), strict=True)
        shapes = ", ".join(f"{path.name} {x.shape[0]:,} × {x.shape[1]}" for path, x in both)
        print(f"{options.out}: {shapes}. {found.model!r}")


def _translate(options: argparse.Namespace) -> None:
    _check_out(options)
    from portal_lib.alignment import io as files
    from portal_lib.alignment.align import Aligner

    files.check_table(options.out)
    model = Aligner.load(options.model, device=options.device)
    given = {name: vars(options)[name] for name in ("source", "use_rep", "cofactor")}
    cells = files.translated(model, options.input, **given)
    files.write_table(options.out, cells)
    if not options.quiet:
        print(f"{options.out}: {cells.shape[0]:,} × {cells.shape[1]}, in domain {3 - options.source}. {model!r}")


def _inspect(options: argparse.Namespace) -> None:
    from portal_lib.preparation.reading.contents import inspect

    keys = {name: vars(options)[name] for name in ("batch_key", "label_key", "layer", "mod")}
    print(inspect(options.input, **keys))


def _score(options: argparse.Namespace) -> None:
    import numpy as np

    from portal_lib._files import write_table
    from portal_lib.scoring import score

    if options.out is not None:
        _check_out(options)
    embeddings = dict(map(_named_embedding, options.embeddings))
    if len(embeddings) < len(options.embeddings):
        raise ConfigError("--embedding: two have the same name; NAME=... gives one another name.")
    keys = options.batch_key if len(options.batch_key) > 1 else options.batch_key[0]
    names = ("label_key", "unlabelled", "pseudotime_key", "layer", "organism")
    given = {name: vars(options)[name] for name in names}
    metrics = _names(options.metrics) if "," in options.metrics else options.metrics
    found = score(options.input, embeddings, batch_key=keys, metrics=metrics, **given)
    if options.out is not None:
        write_table(found, options.out)
    if not options.quiet:
        text = found.assign(value=["" if np.isnan(value) else f"{value:.4f}" for value in found["value"]])
        print("\n".join("  ".join(row).rstrip() for row in _padded([list(text), *text.to_numpy().tolist()])))
        _print_notes(found.attrs["notes"])


def _padded(rows: list[list[str]]) -> list[list[str]]:
    """The texts of a table, each as wide as the widest of its column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [[text.ljust(width) for text, width in zip(row, widths, strict=True)] for row in rows]


def _named_embedding(text: str) -> tuple[str, str]:
    """Name and source of an embedding: ``NAME=SOURCE``, a key, or a table, whose name is that of its file."""
    name, given, source = text.partition("=")
    if given and name and source:
        return name, source
    return (Path(text).name.partition(".")[0] if is_table(text) else text), text


def _print_notes(notes: Sequence[str]) -> None:
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def _check_out(options: argparse.Namespace) -> None:
    if options.out.is_dir():
        raise ConfigError(f"{options.out}: is a folder; --out must be the name of a file.")
    if options.out.exists() and not options.overwrite:
        what = "is IN itself" if options.input.exists() and options.out.samefile(options.input) else "exists already"
        raise ConfigError(f"{options.out}: {what}. Choose another file, or give --overwrite to replace it.")
    from portal_lib.training.serialization import check_place

    check_place(options.out)


def _labelled(adata: AnnData, column: str, threshold: float, data_name: str) -> np.ndarray:
    """Which cells have a label, as a boolean array; DataError where there are too few with or none without one."""
    if column not in adata.obs:
        found = some(adata.obs.columns, 20) or "no columns"
        raise DataError(
            f"{data_name}: obs has no column '{column}'{suggest(column, adata.obs.columns)} Found: {found}."
        )
    values = adata.obs[column]
    labelled = (values.notna() & (values.astype(str).str.strip() != "")).to_numpy()
    n = int(labelled.sum())
    if n < N_NEIGHBORS or n == len(labelled):
        raise DataError(
            f"{data_name}: obs['{column}'] has a label for {n:,} of {len(labelled):,} cells. To transfer labels, "
            f"{N_NEIGHBORS} or more cells must have one, and one or more none."
        )
    if not 0 <= threshold <= 1:
        raise ConfigError(f"--label-threshold is {threshold:g}; it must be 0 to 1.")
    if threshold > 0 and UNASSIGNED in set(_as_text(values[labelled])):
        raise DataError(
            f"{data_name}: obs['{column}'] has the label '{UNASSIGNED}', which --label-threshold assigns to cells "
            "of low confidence. Rename it, or remove the label of these cells."
        )
    return labelled


def _as_text(values: pd.Series) -> np.ndarray:
    """Labels as text. A column of integers with missing values is stored as floats; 1.0 becomes "1"."""
    import numpy as np

    array = values.to_numpy()
    if array.dtype.kind == "f" and (array == np.floor(array)).all():
        array = array.astype(np.int64)
    return array.astype(str).astype(object)


def _transfer(adata: AnnData, column: str, labelled: np.ndarray, key: str, threshold: float) -> dict[str, Any]:
    """Columns with labels for all cells, and with the confidence of those that were transferred."""
    import numpy as np
    import pandas as pd

    from portal_lib.portal.transfer import transfer_labels

    coordinates, known = adata.obsm[key], _as_text(adata.obs[column][labelled])
    settings: dict[str, Any] = {"k": N_NEIGHBORS, "threshold": threshold, "unassigned": UNASSIGNED}
    found = transfer_labels(coordinates[labelled], known, coordinates[~labelled], **settings)
    labels, confidence = np.empty(len(labelled), object), np.full(len(labelled), np.nan)
    labels[labelled] = known
    labels[~labelled], confidence[~labelled] = found["label"], found["confidence"]
    return {f"{column}_portal": pd.Categorical(labels), f"{column}_portal_confidence": confidence}
