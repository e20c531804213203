// How many blueprints a search could begin from, counted up to a limit: one row for each term, in their order.
// param terms LIST<MAP> `number`, `seed` (tag or category) and `values`
// param limit INTEGER where to stop counting
// returns number, size
// access read
// try :param terms => [{number: 0, seed: 'tag', values: ['mlp']}]
// try :param limit => 1000
UNWIND $terms AS term
CALL (term) {
  WITH term WHERE term.seed = 'tag'
  MATCH (t:Tag)<-[:TAGGED]-(b:Blueprint) WHERE t.name IN term.values
  WITH b LIMIT $limit
  RETURN count(b) AS size
  UNION ALL
  WITH term WHERE term.seed = 'category'
  MATCH (t:Category)<-[:IN_CATEGORY]-(b:Blueprint) WHERE t.name IN term.values
  WITH b LIMIT $limit
  RETURN count(b) AS size
}
RETURN term.number AS number, sum(size) AS size
ORDER BY number;
