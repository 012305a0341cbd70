"""Send case events to a kpiwatch gateway: `pip install kpiwatch[client]`. docs/client.md has an example of each part.

ClientError
  NoAnswer        no answer in time: the events wait in the spool
    Uncertain     one attempt without an answer; it is repeated
  Paused          the gateway refuses the sender: the events wait in the spool
  BeingSent       another process sends from this spool
  SpoolUnusable   the file of the spool cannot be used
NotAnEvent        what was given is no event (a ValueError)
"""

from services.client.async_client import AsyncClient
from services.client.client import Client, Event
from services.client.delivery import Delivered, NoAnswer, NotAnEvent, Paused, Uncertain
from services.client.spool import BeingSent, ClientError, Parked, Refusal, SpoolUnusable

__all__ = [
    "AsyncClient",
    "BeingSent",
    "Client",
    "ClientError",
    "Delivered",
    "Event",
    "NoAnswer",
    "NotAnEvent",
    "Parked",
    "Paused",
    "Refusal",
    "SpoolUnusable",
    "Uncertain",
]
