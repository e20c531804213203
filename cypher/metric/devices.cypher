// The devices that anything, or one metric, was measured on.
// param metric STRING? only those that this metric was measured on
// returns name
// access read
// try :param metric => 'latency_ms'
MATCH (d:Device)
WHERE EXISTS { MATCH (d)<-[:TAKEN_ON]-(m:Metric) WHERE $metric IS NULL OR m.name = $metric }
RETURN d.name AS name ORDER BY name;
