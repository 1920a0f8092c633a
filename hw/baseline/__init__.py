"""Datapaths of the formats HBFP is compared with, as units of the same tile."""
