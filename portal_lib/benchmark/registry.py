"""Finds plug-ins by folder and reads their facts without importing them.

A plug-in is a file of a sub-folder of ``datasets``, ``methods`` or ``metrics``, or of ``reporting/figures``, whose name
does not start with ``_``.
Its facts are a literal at the top of the file, so that reading the registry imports neither torch nor scanpy.
"""

import ast
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType

from portal_lib._parameters import schema_of
from portal_lib.errors import ConfigError

PACKAGE = Path(__file__).resolve().parents[1]
FACTS = {"datasets": "DATASET", "methods": "METHOD", "metrics": "METRIC", "figures": "FIGURE"}
# Where the plug-ins of a kind are found, if not in the sub-folders of its folder.
PATTERNS = {"figures": "reporting/figures/[!_.]*.py"}
# Facts that a plug-in states only where they differ; :mod:`portal_lib.benchmark.facts` describes and checks them.
DEFAULTS: dict[str, dict] = {
    "datasets": {"files": [], "expected": {}, "params": {}, "citation": "none"},
    "methods": {
        "genes": "highly_variable",
        "environment": "core",
        "device": "cpu",
        "threads": 1,
        "memory_gb": 1,
        "uses_labels": False,
        "uses_pairs": True,
        "control": False,
        "has_model": False,
        "given": False,
        "params": {},
        "citation": "none",
    },
    "metrics": {"range": [0, 1], "better": "higher", "citation": "none"},
    "figures": {},
}
# In addition those of data sets of the task align.
ALIGN_DEFAULTS: dict = {"resampled_per_seed": False, "figures": [], "shown": [], "defaults": {}}
# Facts that several plug-ins share are defined once, under this name, in a file that their facts name as `shares`.
SHARED, SHARES = "SHARED", "shares"
# Under these keys facts name the dataclass that defines their parameters, and the parameters to use.
PARAMETERS, PARAMETER_NAMES = "parameters", "parameter_names"


@cache
def find(kind: str) -> dict[str, dict]:
    """Facts of all plug-ins of a kind, by name, sorted by name.

    Parameters
    ----------
    kind
        ``"datasets"``, ``"methods"``, ``"metrics"`` or ``"figures"``.

    Raises
    ------
    ConfigError
        A file is not Python, states no facts, or states them as something other than a literal dict.
    """
    return {name: facts(kind, name) for name in sources(kind)}


@cache
def facts(kind: str, name: str) -> dict:
    """Facts of one plug-in with their defaults; only its own file and those that it shares facts with are read."""
    file = source(kind, name)
    stated = _with_shared(read_facts(file, FACTS[kind]), file)
    of_task = ALIGN_DEFAULTS if kind == "datasets" and stated.get("task") == "align" else {}
    return DEFAULTS[kind] | of_task | stated


def tasks_of(method: dict) -> tuple[str, ...]:
    """Names of the tasks of a method, given by its facts: one, or a list."""
    task = method["task"]
    return (task,) if isinstance(task, str) else tuple(task)


@cache
def sources(kind: str) -> dict[str, Path]:
    """The file of every plug-in of a kind, by name, sorted by name.

    Raises
    ------
    ConfigError
        Two files have the same name.
    """
    files = sorted(PACKAGE.glob(PATTERNS.get(kind, f"{kind}/[!_.]*/[!_.]*.py")), key=lambda file: file.stem)
    for one, other in pairwise(files):
        if one.stem == other.stem:
            raise ConfigError(f"{one} and {other} have the same name; a name is one plug-in of the {kind}.")
    return {file.stem: file for file in files}


def varies(method: dict, resampled_per_seed: bool) -> bool:
    """Whether a run of a method, given by its facts, differs from seed to seed.

    Parameters
    ----------
    method
        Facts of the method.
    resampled_per_seed
        Whether the known pairs of the data set are resampled for each seed.
    """
    return method["stochastic"] or (resampled_per_seed and method["uses_pairs"])


def _with_shared(facts: dict, file: Path) -> dict:
    """Facts with the shared ones filled in; the plug-in's own take precedence, parameter by parameter."""
    facts = _with_parameters(facts, file)
    if SHARES not in facts:
        return facts
    own = {key: value for key, value in facts.items() if key != SHARES}
    shared = _with_parameters(read_facts(file.with_name(f"{facts[SHARES]}.py"), SHARED), file)
    params = _merged(shared.get("params", {}), own.get("params", {}))
    return shared | own | ({"params": params} if params else {})


def _with_parameters(facts: dict, file: Path) -> dict:
    """Facts with the definitions of the dataclass that they name filled into `params`.

    ``"parameters": "portal_lib.portal.parameters.PortalParameters"`` uses all of its fields, or those in the list
    `parameter_names`; `params` changes single keywords of them, such as the default, or adds parameters.
    """
    if PARAMETERS not in facts:
        return facts
    own = {key: value for key, value in facts.items() if key not in (PARAMETERS, PARAMETER_NAMES)}
    module, _, name = facts[PARAMETERS].rpartition(".")
    try:
        defined = schema_of(getattr(import_module(module), name), facts.get(PARAMETER_NAMES))
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{file}: {PARAMETERS} is {facts[PARAMETERS]!r}, which cannot be imported: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{file}: {PARAMETER_NAMES}: {error}") from None
    return own | {"params": _merged(defined, own.get("params", {}))}


def _merged(params: dict, own: dict) -> dict:
    """Parameters with single keywords replaced by those of `own`."""
    return {name: params.get(name, {}) | own.get(name, {}) for name in params | own}


def read_facts(file: Path, variable: str) -> dict:
    """The literal dict assigned to `variable` at the top level of `file`."""
    for node in _parse(file).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id == variable for target in targets):
            return _literal(node.value, file, variable)
    raise ConfigError(f"{file}: no {variable} at the top of the file. See CONTRIBUTING.md for a worked example.")


def _parse(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{file}: there is no such file, but a plug-in in this folder shares its facts.") from None
    except SyntaxError as error:
        raise ConfigError(f"{file}: line {error.lineno} is not Python: {error.msg}") from None


def _literal(node: ast.expr | None, file: Path, variable: str) -> dict:
    rule = f"{file}: {variable} must be a literal dict (no names, no calls)"
    try:
        # An annotation without a value, None here, is refused with the other errors.
        facts = ast.literal_eval(node)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{rule}: {error}") from None
    if not isinstance(facts, dict):
        raise ConfigError(f"{rule}, not {type(facts).__name__}")
    return facts


def source(kind: str, name: str) -> Path:
    """The file of a plug-in."""
    return sources(kind)[name]


def load(kind: str, name: str) -> ModuleType:
    """Import a plug-in; only the job that runs it does so."""
    return import_module(module_name(source(kind, name)))


def module_name(file: Path) -> str:
    """The dotted name under which a file of the package is imported."""
    return ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
