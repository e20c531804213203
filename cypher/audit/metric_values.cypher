// Metrics whose value is not that of their newest measurement.
// returns subject, message
// access read
MATCH (m:Metric)
WHERE EXISTS { MATCH (x:Measurement)-[:REFINES]->(m) }
  AND (EXISTS { MATCH (x:Measurement)-[:REFINES]->(m) WHERE x.measured_at > m.measured_at }
       OR NOT EXISTS { MATCH (x:Measurement)-[:REFINES]->(m)
                       WHERE x.measured_at = m.measured_at AND x.value = m.value })
RETURN m.key AS subject,
       'its value is ' + toString(m.value) + ', which its newest measurement does not say' AS message
ORDER BY subject;
