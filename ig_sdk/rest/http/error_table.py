"""IG's error codes, as data: what each means, and what to do about it in one line.

A key that ends in a dot means all codes that begin with it; the rest names the field.

Source:
    wire/ig_api.json, errors (IG's reference and codes observed from the service; read 2026-08).
"""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "error.public-api.failure.encryption.required": (
        "plain-text password not accepted for this client (IG Singapore and others); send it encrypted"
    ),
    "error.request.invalid.date-range": "date range invalid",
    "error.security.api-key-missing": "no X-IG-API-KEY header",
    "invalid.input": "generic input error",
    "error.public-api.failure.kyc.required": "account must finish KYC on the web platform",
    "error.public-api.failure.missing.credentials": "required credentials not all present",
    "error.public-api.failure.pending.agreements.required": "agreements to accept on the web platform",
    "error.public-api.failure.preferred.account.disabled": "preferred account disabled",
    "error.public-api.failure.preferred.account.not.set": "no preferred account",
    "error.security.account-token-invalid": "X-SECURITY-TOKEN not valid or expired",
    "error.security.account-token-missing": "X-SECURITY-TOKEN (or account id) absent",
    "error.security.client-token-invalid": "CST not valid or expired",
    "error.security.client-token-missing": "CST absent",
    "error.security.oauth-token-invalid": "bearer token not valid or expired",
    "endpoint.unavailable.for.api-key": "key may not use this endpoint (also a live key on demo or the reverse)",
    "error.public-api.exceeded-account-allowance": "per-account non-trading allowance used up",
    "error.public-api.exceeded-account-historical-data-allowance": "weekly price-point allowance used up",
    "error.public-api.exceeded-account-trading-allowance": "per-account trading allowance used up",
    "error.public-api.exceeded-api-key-allowance": "per-key allowance used up",
    "error.public-api.failure.stockbroking-not-supported": "share-dealing account not supported",
    "error.security.api-key-disabled": "key disabled",
    "error.security.api-key-invalid": "key unknown",
    "error.security.api-key-restricted": "key does not belong to this account",
    "error.security.api-key-revoked": "key revoked",
    "invalid.url": "no such resource, method or version",
    "system.error": "server failure",
    "authentication.failure.not-a-client-account": "not a client account",
    "error.security.account-access-denied": "login denied",
    "error.security.account-migrated": "log in with client credentials instead",
    "error.security.account-not-yet-activated": "account not activated",
    "error.security.account-suspended": "account suspended",
    "error.security.all-accounts-pending": "every account pending",
    "error.security.all-accounts-suspended": "every account suspended",
    "error.security.client-suspended": "client suspended",
    "error.security.generic": "unexpected server-side security failure",
    "error.security.invalid-application": "user agent refused",
    "error.security.invalid-details": "wrong identifier or password",
    "error.security.invalid-website": "site not reachable through the API",
    "error.security.too-many-failed-attempts": "too many failed logins",
    "error.security.authentication.timeout": "authentication timed out",
    "error.security.get.session.timeout": "session read timed out",
    "error.switch.accountId-must-be-different": "already on that account",
    "error.switch.invalid-accountId": "unknown account id",
    "error.switch.cannot-set-default-account": "could not store the default account",
    "error.client.account.switch.account-access-denied": "target account may not be used",
    "error.request.invalid.page-size": "page size out of range",
    "error.confirms.deal-not-found": "no confirmation for that reference (yet, or any more)",
    "error.position.notfound": "no such open position",
    "error.positions.generic": "unexpected failure while reading positions",
    "error.trading.otc.market-orders.not-supported": "market orders not supported",
    "error.trading.otc.instrument-not-found": "instrument not found",
    "error.public-api.epic-not-found": "epic unknown",
    "error.service.marketdata.instrument.epic.unavailable": "epic unknown, or not for this account",
    "error.public-api.too-many-epics": "more than 50 epics",
    "error.invalid.daterange": "date range invalid",
    "error.malformed.date": "date not in the expected format",
    "error.unsupported.epic": "no price history for this epic",
    "unauthorised.access.to.equity.exception": "no permission for share prices",
    "error.price-history.io-error": "price history back end failed",
    "error.invalid.watchlist": "no such watchlist",
    "error.service.watchlists.add-instrument.invalid-epic": "epic not valid",
    "error.watchlists.management.cannot-delete-watchlist": "system watchlist cannot be deleted",
    "error.watchlists.management.watchlist-not-found": "no such watchlist",
    "error.watchlists.management.duplicate-name": "name already used",
    "error.watchlists.management.error": "unspecified watchlist failure",
    "public-api.costs-and-charges.client-error": "indicative costs and charges failure",
    "public-api.costs-and-charges.indicative-quote-reference-not-found": "indicative costs and charges failure",
    "public-api.costs-and-charges.general-error": "indicative costs and charges failure",
    "invalid.input.too.many.markets": "too many marketIds",
    "error.sprintmarket.create-position.expiry.outside-valid-range": "sprint expiry out of range",
    "error.sprintmarket.create-position.failure": "sprint position failed",
    "error.sprintmarket.create-position.market-closed": "sprint market closed",
    "error.sprintmarket.create-position.order-size.invalid": "sprint size invalid",
    "error.service.create.stockbroking.share-order.instrumentdata-invalid": "instrument data invalid",
    "unauthorised.api-key.revoked": "key revoked",
    "unauthorised.clientId.api-key.mismatch": "key belongs to another client",
    "service.clientsecurity.error.authentication.failure-generic": "generic authentication failure",
    "service.security.authentication.failure-invalid-client-security-token": (
        "login refused right after another login; a retry works"
    ),
    "error.service.create.otc.position.instrument.invalid": "epic unknown or not dealable on this account",
    "error.service.marketdata.position.notional.details.null.error": (
        "server could not build the position notional; transient after a fresh open, or a close misread as an open"
    ),
    "error.service.marketdata.position.details.null.error": "server could not read the position",
    "error.service.execution.find": "deal to act on not visible yet; transient",
    "error.service.delete.working.order.not.found": "no such working order, or no more",
    "unable to aggregate close positions - no compatible position found": (
        "close by epic/dealId matched no position (wrong direction, already closed, or size)"
    ),
    "invalid request": "body is not readable JSON",
    "invalid.request.": "field has the wrong JSON type or enum value, or the property name is unknown",
    "validation.null-not-allowed.request": (
        "body missing: what a real DELETE with a body gets, since the gateway drops it"
    ),
    "validation.null-not-allowed.request.": "required field missing or null",
    "validation.null-not-allowed.epics": "query parameter epics missing or empty",
    "validation.pattern.invalid.request.": "field does not match its pattern",
    "validation.pattern.invalid.authenticationRequest.identifier": (
        "identifier breaks its pattern (e-mail address, dot)"
    ),
    "validation.pattern.invalid.epic": "epic in the path breaks its pattern",
    "validation.number.too-many-decimal-places.request.": "more than 12 decimal places",
    "validation.mutual-exclusive-value.request": (
        "both of a set-only-one pair given (dealId with epic; stopLevel with stopDistance; ...)"
    ),
    "validation.one-selection-required.request": "neither of a pair given",
    "validation.not-null-conditional.request": "a field made necessary by another field being set is missing",
    "validation.not-null-conditional-set-value.request": "a field made necessary by the value of another is missing",
    "validation.null-conditional-set-value.request": "a field forbidden by the value of another is set",
    "validation.target-value-conditional-set-value.request": (
        "a field must have a given value because another is set (stop or limit with forceOpen false)"
    ),
}

HINTS: Mapping[str, str] = {
    "error.public-api.failure.encryption.required": (
        "set encrypt_password to auto or true, and pip install 'ig-sdk[encryption]'"
    ),
    "error.request.invalid.date-range": "check that the start is before the end",
    "error.security.api-key-missing": "set api_key: create a key under Settings > API keys on IG's web platform",
    "invalid.input": "check the values of the request",
    "error.public-api.failure.kyc.required": "complete the identity check (KYC) on IG's web platform",
    "error.public-api.failure.missing.credentials": "set api_key, identifier and password",
    "error.public-api.failure.pending.agreements.required": "accept the pending agreements on IG's web platform",
    "error.public-api.failure.preferred.account.disabled": "choose another preferred account on IG's web platform",
    "error.public-api.failure.preferred.account.not.set": "choose a preferred account on IG's web platform",
    "error.security.account-token-invalid": "log in again; ig_sdk does so once by itself",
    "error.security.account-token-missing": "log in again; ig_sdk does so once by itself",
    "error.security.client-token-invalid": "log in again; ig_sdk does so once by itself",
    "error.security.client-token-missing": "log in again; ig_sdk does so once by itself",
    "error.security.oauth-token-invalid": "log in again; ig_sdk does so once by itself",
    "endpoint.unavailable.for.api-key": (
        "demo and live have keys of their own: check that api_key belongs to the environment in use"
    ),
    "error.public-api.exceeded-account-allowance": "wait a minute, and ask less often for this account",
    "error.public-api.exceeded-account-historical-data-allowance": (
        "wait for the weekly allowance to be renewed, or ask for fewer candles"
    ),
    "error.public-api.exceeded-account-trading-allowance": "wait a minute before the next deal",
    "error.public-api.exceeded-api-key-allowance": "wait a minute, and see what else uses this key",
    "error.public-api.failure.stockbroking-not-supported": "use a CFD or spread-bet account; share dealing has no API",
    "error.security.api-key-disabled": "enable the key under Settings > API keys on IG's web platform",
    "error.security.api-key-invalid": (
        "check api_key, and that it was made for this environment (demo and live keys differ)"
    ),
    "error.security.api-key-restricted": "use a key that was made by this user",
    "error.security.api-key-revoked": "create a new key under Settings > API keys on IG's web platform",
    "invalid.url": "check base_url; otherwise report this to the authors of ig_sdk",
    "system.error": "try again later; IG's status page may say more",
    "authentication.failure.not-a-client-account": (
        "log in with an IG client account; a partner or staff login will not do"
    ),
    "error.security.account-access-denied": (
        "this user may not use the account: check identifier and account, or ask IG"
    ),
    "error.security.account-migrated": "log in with the client's user name instead of the old account's",
    "error.security.account-not-yet-activated": "finish opening the account on IG's web platform",
    "error.security.account-suspended": "the account is suspended: contact IG",
    "error.security.all-accounts-pending": "wait until IG has opened an account, or contact IG",
    "error.security.all-accounts-suspended": "all accounts are suspended: contact IG",
    "error.security.client-suspended": "the user is suspended: contact IG",
    "error.security.generic": (
        "try once more in a minute; if it stays, log in on IG's web platform to see what is wrong"
    ),
    "error.security.invalid-application": (
        "this application may not log in: check api_key, and whether a proxy changes the User-Agent"
    ),
    "error.security.invalid-details": (
        "check identifier (the user name, no e-mail address) and password; demo and live have their own"
    ),
    "error.security.invalid-website": "the account belongs to an IG site without API: contact IG",
    "error.security.too-many-failed-attempts": (
        "stop trying: log in on IG's web platform to unlock the user, then correct identifier and password"
    ),
    "error.security.authentication.timeout": "IG's login is slow: try again in a minute",
    "error.security.get.session.timeout": "try again in a minute",
    "error.switch.accountId-must-be-different": "the session is on that account already",
    "error.switch.invalid-accountId": "ig.session.accounts lists the accounts of this user",
    "error.switch.cannot-set-default-account": "switch without making it the default, or try again later",
    "error.client.account.switch.account-access-denied": "this user may not use that account",
    "error.request.invalid.page-size": "ask for smaller pages",
    "error.confirms.deal-not-found": "a confirm is there for about a minute, and not at once",
    "error.position.notfound": "ig.positions.list() shows the open positions",
    "error.positions.generic": "try again",
    "error.trading.otc.market-orders.not-supported": "use a limit order on this market",
    "error.trading.otc.instrument-not-found": "find the epic with ig.markets.search(...)",
    "error.public-api.epic-not-found": "find the epic with ig.markets.search(...)",
    "error.service.marketdata.instrument.epic.unavailable": "find the epic with ig.markets.search(...)",
    "error.public-api.too-many-epics": "ask for at most 50 epics at once",
    "error.invalid.daterange": "check that the start is before the end",
    "error.malformed.date": "report this to the authors of ig_sdk",
    "error.unsupported.epic": "this market has no price history at IG",
    "unauthorised.access.to.equity.exception": "share prices need a price feed that the account does not have",
    "error.price-history.io-error": "try again; check the epic if it stays",
    "error.invalid.watchlist": "ig.watchlists.list() shows the watchlists",
    "error.service.watchlists.add-instrument.invalid-epic": "find the epic with ig.markets.search(...)",
    "error.watchlists.management.cannot-delete-watchlist": "only watchlists of one's own can be deleted",
    "error.watchlists.management.watchlist-not-found": "ig.watchlists.list() shows the watchlists",
    "error.watchlists.management.duplicate-name": "choose another name",
    "error.watchlists.management.error": "try again",
    "public-api.costs-and-charges.client-error": "check the values of the request",
    "public-api.costs-and-charges.indicative-quote-reference-not-found": "ask for a new quote",
    "public-api.costs-and-charges.general-error": "try again later",
    "invalid.input.too.many.markets": "ask for fewer markets at once",
    "error.sprintmarket.create-position.expiry.outside-valid-range": "choose an expiry that the market allows",
    "error.sprintmarket.create-position.failure": "look at the positions before trying again",
    "error.sprintmarket.create-position.market-closed": "wait until the market opens",
    "error.sprintmarket.create-position.order-size.invalid": "choose a size that the market allows",
    "error.service.create.stockbroking.share-order.instrumentdata-invalid": (
        "check the epic and the values of the request"
    ),
    "unauthorised.api-key.revoked": "create a new key under Settings > API keys on IG's web platform",
    "unauthorised.clientId.api-key.mismatch": "use a key that was made by this user",
    "service.clientsecurity.error.authentication.failure-generic": (
        "log in on IG's web platform to see what is wrong with the user"
    ),
    "service.security.authentication.failure-invalid-client-security-token": "wait a moment between two logins",
    "error.service.create.otc.position.instrument.invalid": (
        "check that the epic exists and that this kind of account may deal it"
    ),
    "error.service.marketdata.position.notional.details.null.error": "wait a moment after opening before closing",
    "error.service.marketdata.position.details.null.error": "try again in a moment",
    "error.service.execution.find": "the deal may not be visible yet: try again in a moment",
    "error.service.delete.working.order.not.found": "filled, expired or cancelled already: see ig.orders.list()",
    "unable to aggregate close positions - no compatible position found": (
        "look at the open positions: it may be closed already, smaller, or of the other direction"
    ),
    "invalid request": "report this to the authors of ig_sdk",
    "invalid.request.": "check this field: its kind, its spelling, its allowed values",
    "validation.null-not-allowed.request": "report this to the authors of ig_sdk",
    "validation.null-not-allowed.request.": "give this field a value",
    "validation.null-not-allowed.epics": "name at least one epic",
    "validation.pattern.invalid.request.": "check how this field is written",
    "validation.pattern.invalid.authenticationRequest.identifier": (
        "identifier is IG's user name: letters, digits, - and _, no e-mail address"
    ),
    "validation.pattern.invalid.epic": (
        "an epic has 6 to 30 letters, digits, dots and underscores: find it with ig.markets.search(...)"
    ),
    "validation.number.too-many-decimal-places.request.": "round it to at most 12 decimal places",
    "validation.mutual-exclusive-value.request": "give only one of two fields that exclude each other",
    "validation.one-selection-required.request": "give one of two fields of which one is needed",
    "validation.not-null-conditional.request": "a field is missing that another one makes necessary",
    "validation.not-null-conditional-set-value.request": (
        "a field is missing that the value of another one makes necessary"
    ),
    "validation.null-conditional-set-value.request": "a field is given that the value of another one forbids",
    "validation.target-value-conditional-set-value.request": "a stop or limit needs force_open",
}
