"""Replies about watchlists.

Source:
    REST.md sections 5 and 8; wire/ig_api.json.
"""

from __future__ import annotations

from collections.abc import Mapping

from ig_sdk.simulator.bodies.markets import IN_A_LIST, line, picked
from ig_sdk.simulator.reference.instruments import listed
from ig_sdk.simulator.refusals import RestRefusal
from ig_sdk.simulator.rest.backend import Backend, Handler
from ig_sdk.simulator.rest.request import Call, Reply

_SUCCESS = {"status": "SUCCESS"}


def _lists(backend: Backend, call: Call) -> Reply:
    rows = [
        {
            "id": each.watchlist_id,
            "name": each.name,
            "editable": each.editable,
            "deleteable": each.deleteable,
            "defaultSystemWatchlist": each.default_system,
        }
        for each in backend.watchlists.all(call.owner.account_id)
    ]
    return Reply(body={"watchlists": rows})


def _create(backend: Backend, call: Call) -> Reply:
    epics = call.body["epics"] or []
    known = [epic for epic in epics if epic in listed()]
    list_id = backend.watchlists.create(call.owner.account_id, call.body["name"], known)
    status = "SUCCESS" if len(known) == len(epics) else "SUCCESS_NOT_ALL_INSTRUMENTS_ADDED"
    return Reply(body={"watchlistId": list_id, "status": status})


def _get(backend: Backend, call: Call) -> Reply:
    found = backend.watchlists.get(call.owner.account_id, call.params[0])
    return Reply(body={"markets": [picked(line(*backend.shown(epic)), *IN_A_LIST) for epic in found.epics]})


def _add(backend: Backend, call: Call) -> Reply:
    _check(call.body["epic"])
    backend.watchlists.add(call.owner.account_id, call.params[0], call.body["epic"])
    return Reply(body=_SUCCESS)


def _delete(backend: Backend, call: Call) -> Reply:
    backend.watchlists.delete(call.owner.account_id, call.params[0])
    return Reply(body=_SUCCESS)


def _remove(backend: Backend, call: Call) -> Reply:
    list_id, epic = call.params
    _check(epic)
    backend.watchlists.remove(call.owner.account_id, list_id, epic)
    return Reply(body=_SUCCESS)


def _check(epic: str) -> None:
    if epic not in listed():
        raise RestRefusal("error.service.watchlists.add-instrument.invalid-epic")


HANDLERS: Mapping[str, Handler] = {
    "watchlists.list.v1": _lists,
    "watchlists.create.v1": _create,
    "watchlists.get.v1": _get,
    "watchlists.add.v1": _add,
    "watchlists.delete.v1": _delete,
    "watchlists.remove.v1": _remove,
}
