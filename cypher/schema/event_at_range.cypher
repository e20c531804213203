// List events in the order in which they happened.
// returns nothing
// access schema
CREATE INDEX event_at_range IF NOT EXISTS FOR (n:Event) ON (n.at);
