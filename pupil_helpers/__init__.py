"""Predict neural activity from a mouse's pupil: the package behind the PupilEncoder book."""

from .models.encoder import PupilEncoder
from .recordings.download import load_session
from .recordings.simulate import simulate_session
from .session import Session, SessionError

__version__ = "0.1.0"
__all__ = ["PupilEncoder", "Session", "SessionError", "load_session", "simulate_session"]
