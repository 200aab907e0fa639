// Package pattern finds subgraphs of an ONNX graph.
//
// A pattern is written as one would build the graph, from inputs to results.
// Exact GELU, x·½·(1 + erf(x/√2)), in one of its spellings:
//
//	x := pattern.Var("x")
//	erf := pattern.Op("Erf", pattern.Op("Div", x, pattern.Scalar(math.Sqrt2, 1e-3)))
//	gain := pattern.Op("Add", erf, pattern.Scalar(1, 0)).Commutes()
//	gelu := pattern.New("GELU", pattern.Op("Mul", pattern.Op("Mul", x, gain).Commutes(), pattern.Scalar(0.5, 0)).Commutes())
//
//	view := pattern.Look(m.Graph, nil)
//	for match := range gelu.All(view) {
//		fmt.Println(match.Value("x"), "→", match.Result())
//	}
//
// or in all spellings at once, by what it computes ([Cone]):
//
//	gelu := pattern.New("GELU", pattern.Cone(pattern.Var("x"), pattern.GELU()))
//
// The parts of the language: [Var] is any value, the same at every mention;
// [Fixed] and [Scalar] are constants; [Op] is a node, with optional inputs
// ([Opt]), commuting operands, tested attributes and outputs; [Or] gives
// alternatives; [Maybe] is a node that may be missing; [Via] is any number of
// pass-through nodes of a class, from one value or several ([Expr.Each],
// [Expr.Any], [Expr.Whole]); [Cone] is an elementwise expression that computes a
// given function; [Of] is a [Unit] that was recognised before, such as a norm.
// [Pattern.Over] leaves nodes out of account wherever they stand. [Expr.Where] tests
// a value, [Expr.Passing] the nodes of a Via, [Pattern.When] a whole match, and all
// can say why not.
//
// An *Expr stands for one value: mentioned twice, it must be one value of the
// graph. Where an exporter may have written a subexpression twice, build it twice.
//
// Matching changes nothing, tries candidates in the file's order, and is bounded
// in steps. When it fails, the [Miss] is the best partial match: how many nodes
// fitted, at which node it stopped, and what was expected and found there.
package pattern
