"""Counts to principal components, and the checks of input. Imports of the package: ``portal_lib.errors`` only."""

from portal_lib.preparation.checks import check_input
from portal_lib.preparation.files import read_h5ad, write_h5ad_atomic
from portal_lib.preparation.recipe import prepare

__all__ = ["check_input", "prepare", "read_h5ad", "write_h5ad_atomic"]
