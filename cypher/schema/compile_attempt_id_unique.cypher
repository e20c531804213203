// One record for each attempt to compile.
// returns nothing
// access schema
CREATE CONSTRAINT compile_attempt_id_unique IF NOT EXISTS FOR (n:CompileAttempt) REQUIRE n.id IS UNIQUE;
