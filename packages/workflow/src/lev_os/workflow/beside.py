"""An effect that is carried out beside others: a child workflow of its own."""

from __future__ import annotations

import asyncio
from typing import Any, TypedDict

import msgspec
from dbos import DBOS
from lev_os.core.bidirectional.effects import Effect

from . import names
from .course import Arrival
from .ending import spared
from .host import hosted


class EffectOrder(TypedDict):
    """What an effect that is carried out beside others needs, on whichever worker. It left at `since`."""

    run: str
    digest: str
    effect: dict[str, Any]
    since: float


@DBOS.workflow(name=names.EFFECT)
@spared
async def carry_beside(given: EffectOrder) -> Arrival:
    host = hosted()
    run = given["run"]
    linked = await host.flow_of(run, given["digest"])
    effect = msgspec.convert(given["effect"], Effect)
    executor = host.executor(linked, run)
    own = names.beside(run, effect.key, effect.attempt)
    work = host.carry_out(effect, executor, run, since=given["since"])
    host.effects[own] = task = asyncio.create_task(work)
    try:
        return await task
    finally:
        host.effects.pop(own, None)
        executor.close()
