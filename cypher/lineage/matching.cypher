// Which of some blueprints are of a kind: how they came to be, by whom, with which tags, when, how well measured.
// A derivation from a parent outside this store counts among those that a blueprint came from.
// One row of one list, in no order.
// param ids LIST<STRING> the blueprints
// param kind STRING? only those that came from a derivation of this kind
// param actor STRING? only those that came from a derivation by this actor: the same one, with a kind
// param tags LIST<STRING> only with all of these tags, each named once
// param since STRING? only those registered then or later, as ISO 8601
// param until STRING? only those registered then or earlier
// param metric STRING? only those with a newest value of this metric
// param device STRING? on this device
// param least FLOAT? from this value on
// param most FLOAT? up to this value
// param rediscoveries BOOLEAN whether rediscoveries count as derivations
// param as_of STRING? the family as it was known then, as ISO 8601; null for all that is known
// returns ids
// access read
// try :param ids => ['simple_mlp', 'simple_mlp_wide']
// try :param kind => 'mutation'
// try :param actor => null
// try :param tags => []
// try :param since => null
// try :param until => null
// try :param metric => null
// try :param device => null
// try :param least => null
// try :param most => null
// try :param rediscoveries => false
// try :param as_of => null
UNWIND $ids AS wanted
MATCH (b:Blueprint {id: wanted})
WHERE ($since IS NULL OR b.registered_at >= datetime($since))
  AND ($until IS NULL OR b.registered_at <= datetime($until))
WITH b, CASE WHEN $kind IS NULL AND $actor IS NULL THEN [1] ELSE
  [(b)-[d:DERIVED_FROM|REDISCOVERED_FROM|DERIVED_FROM_EXTERNAL]->()
   WHERE ($kind IS NULL OR d.kind = $kind) AND ($actor IS NULL OR d.actor = $actor)
     AND ($rediscoveries OR type(d) <> 'REDISCOVERED_FROM')
     AND ($as_of IS NULL OR d.registered_at <= datetime($as_of)) | 1] END AS came
WHERE size(came) > 0
WITH b, CASE WHEN size($tags) = 0 THEN [] ELSE
  [(b)-[:TAGGED]->(t:Tag) WHERE t.name IN $tags | 1] END AS tagged
WHERE size(tagged) = size($tags)
WITH b, CASE WHEN $metric IS NULL THEN [1] ELSE
  [(b)<-[:MEASURES]-(m:Metric)
   WHERE m.name = $metric AND ($device IS NULL OR m.device = $device)
     AND ($least IS NULL OR m.value >= $least) AND ($most IS NULL OR m.value <= $most) | 1] END AS measured
WHERE size(measured) > 0
RETURN collect(b.id) AS ids;
