// Record how an attempt ended. One that has ended stays as it is.
// param id STRING the attempt
// param outcome STRING `done` or `failed`
// param reason STRING? why it failed
// param finished_at STRING when, as ISO 8601
// returns outcome, reason
// access write
// try :param id => 'attempt-1'
// try :param outcome => 'failed'
// try :param reason => 'no way to express the op'
// try :param finished_at => '2026-11-24T12:00:01+00:00'
MATCH (a:CompileAttempt {id: $id})
FOREACH (_ IN CASE WHEN a.finished_at IS NULL THEN [1] ELSE [] END |
  SET a.outcome = $outcome, a.reason = $reason, a.finished_at = datetime($finished_at))
RETURN a.outcome AS outcome, a.reason AS reason;
