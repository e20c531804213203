// One record for each kernel's bytes.
// returns nothing
// access schema
CREATE CONSTRAINT kernel_digest_unique IF NOT EXISTS FOR (n:Kernel) REQUIRE n.digest IS UNIQUE;
