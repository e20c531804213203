// Take the lineage lock: whoever adds a derivation to a blueprint that exists does so one after the other.
// Must be the first statement of its transaction. That the new value depends on the old one is what locks.
// returns ticket
// access write
MERGE (l:LineageLock {name: 'lineage'})
SET l.ticket = coalesce(l.ticket, 0) + 1
RETURN l.ticket AS ticket;
