// Let the engine meet every combination of labels once: the embedded one makes a type of each, and two
// transactions that meet a new one at the same time would fail.
// returns met
// access write
CREATE (:Blueprint:Named {id: 'schema/blueprint', handle: 'schema/blueprint', fingerprint: 'schema/blueprint'}),
       (:Alias:Named {id: 'schema/alias', handle: 'schema/alias'}),
       (:OpNode:Activation {uid: 'schema/Activation'}),
       (:OpNode:Attention {uid: 'schema/Attention'}),
       (:OpNode:Block {uid: 'schema/Block'}),
       (:OpNode:Boundary {uid: 'schema/Boundary'}),
       (:OpNode:Conv {uid: 'schema/Conv'}),
       (:OpNode:Custom {uid: 'schema/Custom'}),
       (:OpNode:Dense {uid: 'schema/Dense'}),
       (:OpNode:Effect {uid: 'schema/Effect'}),
       (:OpNode:Elementwise {uid: 'schema/Elementwise'}),
       (:OpNode:Embedding {uid: 'schema/Embedding'}),
       (:OpNode:Norm {uid: 'schema/Norm'}),
       (:OpNode:Pooling {uid: 'schema/Pooling'}),
       (:OpNode:Random {uid: 'schema/Random'}),
       (:OpNode:Recurrent {uid: 'schema/Recurrent'}),
       (:OpNode:Reduction {uid: 'schema/Reduction'}),
       (:OpNode:Routing {uid: 'schema/Routing'}),
       (:OpNode:Shape {uid: 'schema/Shape'}),
       (:OpNode:Spectral {uid: 'schema/Spectral'})
WITH count(*) AS made
MATCH (n) WHERE (n:Named AND n.handle STARTS WITH 'schema/') OR (n:OpNode AND n.uid STARTS WITH 'schema/')
DETACH DELETE n
RETURN count(n) AS met;
