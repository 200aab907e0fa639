// Package diff compares two ONNX models node by node, edge by edge and tensor by
// tensor, and asserts what may differ.
//
//	d, err := diff.Compare(base, adapted)
//	fmt.Print(d)
//	err := diff.Assert(base, adapted, diff.Only{Prefix: "aat/", Metadata: "aat.", Rewired: 4})
//	err = diff.Isomorphic(got, want) // equal but for names
//
// Nodes are matched by what they are called first, then by what they compute from
// what is matched already, so that a renaming is told from a change. What has no
// bearing on the result is not compared: doc strings, node metadata, the order of
// nodes and tensors, how a tensor's values are stored.
package diff
