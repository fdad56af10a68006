"""Predict neural activity from a mouse's pupil: the package behind the PupilEncoder book."""

from .session import Session, SessionError
from .simulate import simulate_session
from .sources import load_session
from .training import PupilEncoder

__version__ = "0.1.0"
__all__ = ["PupilEncoder", "Session", "SessionError", "load_session", "simulate_session"]
