// The blueprints that have a newest value of a metric on a device within a range, in no order.
// A second MATCH would make the embedded engine walk through all values instead of the range.
// param least STRING smallest place, as property_graph/places.py writes it
// param most STRING largest place
// param limit INTEGER how many at most
// returns ids
// access read
// try :param least => 'latency_ms|cpu|8000000000000000'
// try :param most => 'latency_ms|cpu|ffffffffffffffff'
// try :param limit => 1000
MATCH (m:Metric) WHERE m.place >= $least AND m.place <= $most
WITH m LIMIT $limit
RETURN collect(head([(m)-[:MEASURES]->(b:Blueprint) | b.id])) AS ids;
