// Find uses of an op.
// returns nothing
// access schema
CREATE INDEX op_node_op_type_range IF NOT EXISTS FOR (n:OpNode) ON (n.op_type);
