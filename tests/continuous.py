"""One made-up recording, before anybody has cut it, and what it looks like in three formats.

The Neuromatch form is worked out here as Neuromatch did it, trial by trial: spikes by their bin,
pupil samples by their index, nothing interpolated.
"""

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

CHANNELS = 12  # a probe
FRAME = 0.0101  # s between video frames
DATE = "2017-12-06"


@dataclass
class Raw:
    """Everything is in seconds on one clock; the second probe's clusters come after the first's."""

    frame_times: np.ndarray
    area: np.ndarray
    xy: np.ndarray
    spike_times: np.ndarray  # in order of time
    spike_clusters: np.ndarray
    probes: np.ndarray  # of the clusters
    peaks: np.ndarray  # from 1, over all channels
    quality: np.ndarray
    locations: np.ndarray  # of the channels
    onsets: np.ndarray
    trials: dict  # times on the same clock


def raw_recording(seed=0, n_trials=12, n_clusters=9, n_probes=2, rate=8.0, pause=3.0) -> Raw:
    rng = np.random.default_rng(seed)
    onsets = 2 + pause * np.arange(n_trials) + rng.uniform(0, 0.3, n_trials)
    end = onsets[-1] + 3
    frame_times = 0.4037 + FRAME * np.arange(int((end - 0.4037) / FRAME))
    n_spikes = rng.poisson(rate * end, n_clusters)
    times = np.concatenate([rng.uniform(0.01, end, n) for n in n_spikes])
    order = np.argsort(times)
    probes = np.sort(rng.integers(0, n_probes, n_clusters))
    probes[[0, -1]] = 0, n_probes - 1
    return Raw(
        frame_times=frame_times,
        area=rng.uniform(1, 2, frame_times.size),
        xy=rng.normal(size=(frame_times.size, 2)),
        spike_times=times[order],
        spike_clusters=np.repeat(np.arange(n_clusters), n_spikes)[order],
        probes=probes,
        peaks=probes * CHANNELS + rng.integers(1, CHANNELS + 1, n_clusters),
        quality=np.where(np.arange(n_clusters) % 4 == 1, 1, 2 + np.arange(n_clusters) % 2),
        locations=rng.permutation(np.resize(["VISp", "CA1", "SCs", "LGd"], n_probes * CHANNELS)),
        onsets=onsets,
        trials={
            "contrast_left": rng.choice([0, 0.25, 0.5, 1], n_trials),
            "contrast_right": rng.choice([0, 0.25, 0.5, 1], n_trials),
            "response": rng.choice([-1.0, 0.0, 1.0], n_trials),
            "gocue": onsets + rng.uniform(0.4, 0.8, n_trials),
            "response_time": onsets + rng.uniform(0.5, 2, n_trials),
            "feedback_time": onsets + rng.uniform(0.5, 2, n_trials),
            "feedback_type": rng.choice([-1.0, 1.0], n_trials),
        },
    )


def neuromatch_fields(raw: Raw, before=0.5, n_bins=250, width=0.01) -> dict:
    """The recording as Neuromatch would publish it."""
    good = raw.quality >= 2
    index_at = lambda t: np.interp(t, raw.frame_times, np.arange(raw.frame_times.size))  # noqa: E731
    spks = np.zeros((len(good), len(raw.onsets), n_bins), dtype=np.int8)
    pupil = np.zeros((3, len(raw.onsets), n_bins))
    for trial, onset in enumerate(raw.onsets):
        begin = onset - before
        for time, cluster in zip(raw.spike_times, raw.spike_clusters, strict=True):
            place = int((time - begin) // width)
            if 0 <= place < n_bins:
                spks[cluster, trial, place] += 1
        for place in range(n_bins):
            index = int(index_at(begin + (place + 0.5) * width))
            pupil[:, trial, place] = raw.area[index], *raw.xy[index]
    since_onset = {"gocue", "response_time", "feedback_time"}
    trials = {
        name: values - raw.onsets if name in since_onset else values
        for name, values in raw.trials.items()
    }
    return {
        **trials,
        "spks": spks[good],
        "pupil": pupil,
        "brain_area": raw.locations[raw.peaks - 1][good],
        "bin_size": width,
        "mouse_name": "Lederberg",
        "date_exp": DATE,
    }


# -- ALF ------------------------------------------------------------------------------------------


def write_alf(root, raw: Raw, layout="9974357", timestamps="two", blink=None) -> Path:
    """Write the folder in one of the two published layouts; return the session's folder."""
    session = Path(root) / (
        f"Subjects/Lederberg/{DATE}/001" if layout == "9974357" else f"allData/Lederberg_{DATE}"
    )
    folder = session / "alf" if layout == "9974357" else session
    folder.mkdir(parents=True)
    last = raw.frame_times.size - 1
    times = np.column_stack([np.arange(last + 1), raw.frame_times])
    rows = {"two": times[[0, last]], "all": times, "from 1": times[[0, last]] + [1, 0]}
    column = {name: np.asarray(values)[:, None] for name, values in raw.trials.items()}
    arrays = {
        "eye.area": raw.area[:, None],
        "eye.xyPos": raw.xy,
        "eye.timestamps": rows[timestamps],
        "spikes.times": raw.spike_times[:, None],
        "spikes.clusters": raw.spike_clusters.astype(np.uint32)[:, None],
        "clusters.peakChannel": raw.peaks.astype(float)[:, None],
        "clusters.probes": raw.probes.astype(float)[:, None],
        "clusters._phy_annotation": raw.quality.astype(float)[:, None],
        "channels.probe": np.repeat(np.arange(raw.probes[-1] + 1.0), CHANNELS)[:, None],
        "trials.visualStim_times": raw.onsets[:, None],
        "trials.visualStim_contrastLeft": column["contrast_left"],
        "trials.visualStim_contrastRight": column["contrast_right"],
        "trials.response_choice": column["response"],
        "trials.goCue_times": column["gocue"],
        "trials.response_times": column["response_time"],
        "trials.feedback_times": column["feedback_time"],
        "trials.feedbackType": column["feedback_type"],
        "trials.included": np.ones((len(raw.onsets), 1), dtype=bool),
        "trials.repNum": np.ones((len(raw.onsets), 1)),
        "trials.intervals": raw.onsets[:, None] + [-1.0, 2.0],
    }
    if blink is not None:
        arrays["eye.blink"] = blink[:, None]
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    lines = [f"{i}\t{i}\t{i}\t{location}\r\n" for i, location in enumerate(raw.locations)]
    table = "ccf_ap\tccf_dv\tccf_lr\tallen_ontology\r\n" + "".join(lines)
    (folder / "channels.brainLocation.tsv").write_bytes(table.encode())
    return session


# -- NWB ------------------------------------------------------------------------------------------


def write_nwb(
    path, raw: Raw, timestamps="two", channels_count="within", compress=False, cache_spec=False
) -> Path:
    """Write the file as DANDI 000017 has it: by pynwb, then what pynwb refuses to write by h5py.

    Without the cached specification, which published files have, it is read in half the time.
    """
    import h5py
    import pynwb
    from hdmf.backends.hdf5 import H5DataIO
    from pynwb.behavior import PupilTracking

    def stored(values):
        return H5DataIO(values, compression="gzip", chunks=True) if compress else values

    year, month, day = map(int, DATE.split("-"))
    begin = datetime(year, month, day, 12, tzinfo=UTC)
    nwb = pynwb.NWBFile("made up", f"Lederberg_{DATE}", begin)
    times = {"all": raw.frame_times, "two": raw.frame_times}.get(timestamps)
    clock = {"timestamps": times} if times is not None else {"starting_time": raw.frame_times[0]}
    if times is None:
        clock["rate"] = {"rate": 1 / FRAME, "period": FRAME}[timestamps]
    series = [
        pynwb.TimeSeries(name="eye_area", data=stored(raw.area), unit="arb. unit", **clock),
        pynwb.TimeSeries(name="eye_xy_positions", data=stored(raw.xy), unit="arb. unit", **clock),
    ]
    module = nwb.create_processing_module("behavior", "behavior module")
    module.add(PupilTracking(time_series=series))

    device = nwb.create_device("0")
    n_probes = int(raw.probes[-1]) + 1
    groups = [nwb.create_electrode_group(f"Probe{i + 1}", "", "", device) for i in range(n_probes)]
    for channel, location in enumerate(raw.locations):
        nwb.add_electrode(group=groups[channel // CHANNELS], location=str(location))
    for onset in raw.onsets:
        nwb.add_trial(onset - 1, onset + 2)
    names = {
        "contrast_left": "visual_stimulus_left_contrast",
        "contrast_right": "visual_stimulus_right_contrast",
        "response": "response_choice",
        "gocue": "go_cue",
    }
    nwb.add_trial_column("visual_stimulus_time", "seconds", data=raw.onsets)
    for name, values in raw.trials.items():
        nwb.add_trial_column(names.get(name, name), "as published", data=values)
    nwb.add_trial_column("included", "engaged", data=np.ones(len(raw.onsets), dtype=bool))
    nwb.add_trial_column("rep_num", "repeats", data=np.ones(len(raw.onsets)))
    peaks = raw.peaks - raw.probes * CHANNELS if channels_count == "within" else raw.peaks
    nwb.add_unit_column("peak_channel", "from 1")
    nwb.add_unit_column("phy_annotations", "2 or more are neurons")
    order = np.argsort(raw.spike_clusters, kind="stable")
    edges = np.searchsorted(raw.spike_clusters[order], np.arange(len(peaks) + 1))
    for cluster, peak in enumerate(peaks):
        nwb.add_unit(
            spike_times=raw.spike_times[order][edges[cluster] : edges[cluster + 1]],
            electrodes=[int(raw.peaks[cluster]) - 1],
            electrode_group=groups[raw.probes[cluster]],
            peak_channel=[int(peak)],
            phy_annotations=int(raw.quality[cluster]),
        )
    with warnings.catch_warnings(action="ignore"), pynwb.NWBHDF5IO(path, "w") as io:
        io.write(nwb, cache_spec=cache_spec)
    if timestamps == "two":  # only the first and the last are stored
        with h5py.File(path, "a") as file:
            for name in ("eye_area", "eye_xy_positions"):
                group = file[f"processing/behavior/PupilTracking/{name}"]
                attributes = dict(group["timestamps"].attrs)
                del group["timestamps"]
                group["timestamps"] = raw.frame_times[[0, -1]]
                group["timestamps"].attrs.update(attributes)
    return Path(path)
