"""Where sessions come from: simulated mice and published recordings."""

from ..session import Session, SessionError

SOURCES = ("simulated", "steinmetz", "dandi")


def load_session(name: str = "simulated", *, index: int = 12, folder=None, **options) -> Session:
    """Get a session, from the simulator or from the published recordings.

    Parameters
    ----------
    name : {"simulated", "steinmetz", "dandi"}
        ``"simulated"`` makes a session with a known truth, without any download.
        ``"steinmetz"`` gets a real one (Steinmetz et al., Nature 2019) from the Neuromatch files.
        ``"dandi"`` gets the same from the full recordings, NWB files of some 400 MB each (DANDI
        000017); it needs ``pip install "pupil-helpers[nwb]"``.
    index : int, default 12
        Which recording, 0 to 38; the simulator does not look at it. The default is the one that
        the original PupilEncoder used: mouse Lederberg, 2017-12-06.
    folder : str or Path, optional
        Where downloads and cached sessions are kept. By default the folder that the environment
        variable ``PUPIL_HELPERS_DATA`` names or, without it, the user's cache folder. A part file
        that is in the folder already is used as it is; an NWB file, if it is as published.
    **options
        Passed on to :func:`pupil_helpers.recordings.simulate.simulate_session`, such as
        ``seed=0``, or to :func:`pupil_helpers.recordings.nwb.read_nwb`, such as
        ``pupil="linear"``.

    Returns
    -------
    Session

    Raises
    ------
    SessionError
        If the name, the index or an option is unknown, or the downloaded file is damaged.
    OSError
        If there is no network, the server fails (``ConnectionError``), or the folder is full or
        cannot be written. What has arrived so far is kept for the next call to complete, but
        nothing incomplete is ever read.
    """
    if name == "simulated":
        from .simulate import simulate_session

        return simulate_session(**options)
    if name not in SOURCES:
        raise SessionError(
            f"unknown source {name!r}; choose one of {', '.join(map(repr, SOURCES))}, or open a "
            "session file of your own with Session.load(path)"
        )
    if name == "dandi":
        from .dandi import load_dandi  # here, so that nothing else waits for what it imports

        return load_dandi(index, folder, **options)
    if options:
        raise SessionError(f"'steinmetz' takes index and folder, but not {', '.join(options)}")
    from .download import load_steinmetz

    return load_steinmetz(index, folder)
