// Metrics that do not measure exactly one blueprint, and measurements that refine no metric.
// returns subject, message
// access read
MATCH (m)
WHERE m:Metric OR m:Measurement
OPTIONAL MATCH (m)-[:MEASURES|REFINES]->(x)
WITH m, count(x) AS measured
WHERE measured <> 1
RETURN coalesce(m.key, m.id, '') AS subject,
       CASE WHEN m:Metric THEN 'the metric measures ' + toString(measured) + ' blueprints, not one'
            ELSE 'the measurement refines ' + toString(measured) + ' metrics, not one' END AS message
ORDER BY subject, message;
