// A blueprint and everything it descends from, each member once, with how it came to be and
// whether it has these tags, is of this time, and was measured like this.
// A derivation is told by its parent, which may be outside of the family or of this store, its kind and its actor.
// One row of four lists that go together, in no order.
// With a time, members that no derivation of that time leads to are listed too: whoever asks walks along the parents.
// The start is among the members; empty lists mean that there is no such blueprint, or was none then.
// param id STRING the blueprint to start from
// param tags LIST<STRING> with all of these tags, each named once
// param since STRING? registered then or later, as ISO 8601
// param until STRING? registered then or earlier
// param metric STRING? with a newest value of this metric
// param device STRING? on this device
// param least FLOAT? from this value on
// param most FLOAT? up to this value
// param as_of STRING? the family as it was known then, as ISO 8601; null for all that is known
// returns ids, names, derivations, matching
// access read
// try :param id => 'simple_mlp'
// try :param tags => []
// try :param since => null
// try :param until => null
// try :param metric => null
// try :param device => null
// try :param least => null
// try :param most => null
// try :param as_of => null
MATCH (b:Blueprint {id: $id}) WHERE $as_of IS NULL OR b.registered_at <= datetime($as_of)
WITH b, datetime($as_of) AS at, datetime($since) AS since, datetime($until) AS until
CALL (b) { MATCH (b)-[:DERIVED_FROM*0..]->(m:Blueprint) RETURN DISTINCT m }
WITH m.id AS id, coalesce(m.name, '') AS name,
     [(m)-[d:DERIVED_FROM|DERIVED_FROM_EXTERNAL]->(p)
      WHERE at IS NULL OR d.registered_at <= at | [p.id, d.kind, d.actor]] AS came,
     coalesce(
       (since IS NULL OR m.registered_at >= since) AND (until IS NULL OR m.registered_at <= until)
       AND (size($tags) = 0 OR size([(m)-[:TAGGED]->(t:Tag) WHERE t.name IN $tags | 1]) = size($tags))
       AND ($metric IS NULL OR size(
         [(m)<-[:MEASURES]-(x:Metric)
          WHERE x.name = $metric AND ($device IS NULL OR x.device = $device)
            AND ($least IS NULL OR x.value >= $least) AND ($most IS NULL OR x.value <= $most) | 1]) > 0),
       false) AS fits
RETURN collect(id) AS ids, collect(name) AS names, collect(came) AS derivations, collect(fits) AS matching;
