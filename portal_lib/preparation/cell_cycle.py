"""Scores of the cell cycle of every cell, from all genes of the data, batch by batch.

Genes of the phases by name and by Ensembl id; the order of the ids is that of the names: Tirosh et al., Science 352,
189 (2016), 43 genes of S and 54 of G2 and M. Mouse genes are the human ones, with only the first letter capital. The
names are from the publication, the ids from scib.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from portal_lib._text import some
from portal_lib.preparation.organisms import organism_of

if TYPE_CHECKING:
    import scipy.sparse as sp

PHASES = ("S", "G2M")
N_BINS = 25
SEED = 0

S_NAMES = """
MCM5 PCNA TYMS FEN1 MCM2 MCM4 RRM1 UNG GINS2 MCM6 CDCA7 DTL PRIM1 UHRF1 MLF1IP HELLS RFC2 RPA2 NASP RAD51AP1
GMNN WDR76 SLBP CCNE2 UBR7 POLD3 MSH2 ATAD2 RAD51 RRM2 CDC45 CDC6 EXO1 TIPIN DSCC1 BLM CASP8AP2 USP1 CLSPN POLA1
CHAF1B BRIP1 E2F8
"""
S_HUMAN_IDS = """
100297 132646 176890 168496 073111 104738 167325 076248 131153 076003 144354 143476 198056 276043 151725 119969
049541 117748 132780 111247 112312 092470 163950 175305 012963 077514 095002 156802 051180 171848 093009 094804
174371 075131 136982 197299 118412 162607 092853 101868 159259 136492 129173
"""
S_MOUSE_IDS = """
005410 027342 025747 024742 002870 022673 030978 029591 031821 026355 055612 037474 025395 001228 031629 025001
023104 028884 028693 030346 006715 027242 004642 028212 041712 030726 024151 022360 027323 020649 000028 017499
039748 032397 022422 030528 028282 028560 042489 006678 022945 034329 046179
"""
G2M_NAMES = """
HMGB2 CDK1 NUSAP1 UBE2C BIRC5 TPX2 TOP2A NDC80 CKS2 NUF2 CKS1B MKI67 TMPO CENPF TACC3 FAM64A SMC4 CCNB2 CKAP2L
CKAP2 AURKB BUB1 KIF11 ANP32E TUBB4B GTSE1 KIF20B HJURP CDCA3 HN1 CDC20 TTK CDC25C KIF2C RANGAP1 NCAPD2 DLGAP5
CDCA2 CDCA8 ECT2 KIF23 HMMR AURKA PSRC1 ANLN LBR CKAP5 CENPE CTCF NEK2 G2E3 GAS2L3 CBX5 CENPA
"""
G2M_HUMAN_IDS = """
164104 170312 137804 175063 089685 088325 131747 080986 123975 143228 173207 148773 120802 117724 013810 129195
113810 157456 169607 136108 178999 169679 138160 143401 188229 075218 138182 123485 111665 189159 117399 112742
158402 142945 100401 010292 126787 184661 134690 114346 137807 072571 087586 134222 011426 143815 175216 138778
102974 117650 092140 139354 094916 115163
"""
G2M_MOUSE_IDS = """
054717 019942 027306 001403 017716 027469 020914 024056 062248 026683 028044 031004 019961 026605 037313 020808
034349 032218 048327 037725 020897 027379 012443 015749 036752 022385 024795 044783 023505 020737 006398 038379
044201 028678 022391 038252 037544 048922 028873 027699 032254 020330 027496 068744 036777 004880 040549 045328
005698 026622 035293 074802 009575 029177
"""
NAMES = {"S": S_NAMES, "G2M": G2M_NAMES}
# Prefix of the ids, spelling of the names, and ids by phase.
ORGANISMS: dict[str, tuple[str, Callable[[str], str], dict[str, str]]] = {
    "human": ("ENSG00000", str, {"S": S_HUMAN_IDS, "G2M": G2M_HUMAN_IDS}),
    "mouse": ("ENSMUSG00000", str.capitalize, {"S": S_MOUSE_IDS, "G2M": G2M_MOUSE_IDS}),
}
VERSION = r"^(ENS[A-Z]*\d+)\.\d+$"


def genes_of(organism: str | None) -> dict[str, tuple[list[str], list[str]]] | None:
    """Genes of S and of G2/M, each by name and by id: ``{"S": (names, ids), "G2M": (names, ids)}``; None if unknown."""
    name = organism_of(organism)
    if name not in ORGANISMS:
        return None
    prefix, spell, ids = ORGANISMS[name]
    return {
        phase: ([spell(name) for name in names.split()], [prefix + number for number in ids[phase].split()])
        for phase, names in NAMES.items()
    }


def cycle_genes(genes: pd.Index | np.ndarray, organism: str | None) -> tuple[list[np.ndarray], str]:
    """Columns of the genes of S and of G2/M, found by name or by id, whichever finds more.

    Parameters
    ----------
    genes
        Names or ids of the genes, shape (n_genes,); ids with or without a version.
    organism
        ``"human"``, ``"mouse"``, their Latin names, or another name; None if it is not stated.

    Returns
    -------
    Two arrays of columns, ascending, and a text with their numbers; or no arrays, and why there are none.
    """
    if organism is None:
        return [], "the organism is not stated"
    phases = genes_of(organism)
    if phases is None:
        return [], f"no genes of the cell cycle are known for the organism {organism!r}"
    genes = pd.Index(genes).str.replace(VERSION, r"\1", regex=True)
    found = [max((np.flatnonzero(np.isin(genes, names)) for names in kinds), key=len) for kinds in phases.values()]
    text = f"{len(found[0])} genes of S and {len(found[1])} of G2/M are among the {organism} genes"
    return (found, text) if all(len(columns) for columns in found) else ([], text)


class CellCycle:
    """Scores of S and of G2/M: mean over the genes of a phase minus mean over control genes of similar expression.

    First :meth:`add_means` of all cells, then :meth:`choose_controls`, then :meth:`score` of all cells. Without genes
    of a phase these do nothing, and there are no scores.

    Parameters
    ----------
    genes
        Names or ids of all genes, shape (n_genes,).
    organism
        As for :func:`cycle_genes`.
    n_cells
        Of each batch, shape (n_batches,).

    Attributes
    ----------
    columns : list of np.ndarray
        Columns of the genes of both phases; empty if there are no scores.
    found : str
        How many genes there are, or why there are no scores.

    Notes
    -----
    The genes of each batch are put into 25 bins by their mean of log-normalised values, and from each bin that has a
    gene of the phase as many controls are drawn as the smaller of the two phases has genes. Equal to
    ``scanpy.tl.score_genes_cell_cycle`` of the log-normalised cells of the batch with its defaults, in float64, but
    without changing numpy's global generator.

    References
    ----------
    Satija et al., Nat. Biotechnol. 33, 495 (2015). Tirosh et al., Science 352, 189 (2016).
    """

    def __init__(self, genes: pd.Index, organism: str | None, n_cells: np.ndarray):
        self.columns, self.found = cycle_genes(genes.astype(str), organism)
        self._n_cells = n_cells
        if self.columns:
            self._total = np.zeros((len(n_cells), len(genes)))
            self._scores = np.zeros((n_cells.sum(), len(PHASES)))

    @property
    def scores(self) -> dict[str, np.ndarray]:
        """Columns of obs, each of shape (n_cells,), float64."""
        names = [f"{phase}_score" for phase in PHASES]
        return dict(zip(names, self._scores.T, strict=True)) if self.columns else {}

    def phases(self, columns: np.ndarray) -> pd.Categorical:
        """Phase of some of the genes."""
        code = np.full(len(columns), -1)
        for number, of_phase in enumerate(self.columns):
            code[np.isin(columns, of_phase)] = number
        return pd.Categorical.from_codes(code, list(PHASES))

    def add_means(self, rows: sp.csr_matrix, factor: np.ndarray, code: np.ndarray) -> None:
        """Add cells to the means; `factor` brings each to 10⁴ counts, `code` is its batch number."""
        if not self.columns:
            return
        from portal_lib.preparation.kernels import add_log_sums

        add_log_sums(rows.indptr, rows.indices, rows.data, factor, code, self._total)

    def choose_controls(self, batches: Sequence[str]) -> list[str]:
        """Draw the controls of each batch; returns a note if there are batches without any, whose scores are 0."""
        if not self.columns:
            return []
        n_batches, n_genes = self._total.shape
        # Per batch and gene: bit 0 and 2 for genes of S and of G2/M, bit 1 and 3 for their controls.
        self._marks = np.zeros((n_batches, n_genes), np.uint8)
        self._weights = np.zeros((n_batches, 2 * len(PHASES)))
        n_drawn = min(len(columns) for columns in self.columns)
        for batch, total in enumerate(self._total):
            means = total / self._n_cells[batch]
            bins = rankdata(means, method="min") // max(1, round(n_genes / (N_BINS - 1)))
            for phase, columns in enumerate(self.columns):
                controls = _controls(bins, columns, n_drawn)
                for bit, marked in enumerate((columns, controls), 2 * phase):
                    self._marks[batch, marked] |= np.uint8(1 << bit)
                if len(controls):
                    self._weights[batch, 2 * phase : 2 * phase + 2] = 1 / len(columns), -1 / len(controls)
        del self._total
        without = [repr(str(batches[int(batch)])) for batch in np.flatnonzero(~self._weights.all(axis=1))]
        return [f"no control genes for scores of the cell cycle, which are 0, in {some(without)}."] if without else []

    def score(self, here: slice, rows: sp.csr_matrix, factor: np.ndarray, code: np.ndarray) -> None:
        """Compute the scores of the cells `here`; parameters as in :meth:`add_means`."""
        if not self.columns:
            return
        from portal_lib.preparation.kernels import sum_marked_logs

        sums = np.zeros((rows.shape[0], 2 * len(PHASES)))
        sum_marked_logs(rows.indptr, rows.indices, rows.data, factor, code, self._marks, sums)
        weighted = sums * self._weights[code]
        self._scores[here] = weighted[:, ::2] + weighted[:, 1::2]


def _controls(bins: np.ndarray, genes: np.ndarray, n_drawn: int) -> np.ndarray:
    """Control genes of similar expression, drawn as by scanpy, without those of the phase."""
    random, drawn = np.random.RandomState(SEED), []
    for one in np.unique(bins[genes]):
        pool = np.flatnonzero(bins == one)
        if n_drawn < len(pool):
            pool = pool[random.choice(len(pool), size=n_drawn, replace=False)]
        drawn.append(np.setdiff1d(pool, genes))
    return np.unique(np.concatenate(drawn))
