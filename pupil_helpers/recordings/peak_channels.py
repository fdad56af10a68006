"""Which region a unit is in, from the channel on which its spikes are largest."""

from __future__ import annotations

import numpy as np


def peak_regions(peaks, probes, channel_probes, locations) -> np.ndarray:
    """Region of each unit by its peak channel, which counts from 1.

    Some files count the channels of each probe from 1, some those of all probes together. Which
    it is shows in whether a unit's channel lies on the unit's own probe.

    Parameters
    ----------
    peaks, probes : ndarray, (units,)
    channel_probes, locations : ndarray, (channels,)

    Returns
    -------
    ndarray of str, (units,)
        Empty where there is no such channel.
    """
    channels = np.arange(len(locations))
    within = np.full(len(peaks), -1)
    for probe in np.unique(probes):
        mine, rows = probes == probe, channels[channel_probes == probe]
        there = mine & (peaks >= 1) & (peaks <= len(rows))
        within[there] = rows[peaks[there] - 1]
    together = np.where((peaks >= 1) & (peaks <= len(locations)), peaks - 1, -1)
    own = (together >= 0) & (channel_probes[together] == probes)
    row = together if own.sum() >= (within >= 0).sum() else within
    return np.where(row >= 0, locations[row], "")
