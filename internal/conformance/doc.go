// Package conformance judges package importer by folders in the layout of onnx's
// backend tests: model.onnx beside test_data_set_0/input_0.pb, output_0.pb and so
// on.
//
// First calls: [Find], then [Run] on each folder:
//
//	dirs, err := conformance.Find("onnx/backend/test/data/node")
//	r := conformance.Run(dirs[0], backend)
//	fmt.Println(r.Name, r.Outcome, r.Error)
//
// Run never fails by itself: whatever happens is a [Result]. A crash of a backend
// takes the process along, so programs run folders in child processes.
//
// Results are compared as onnx's own runner does (numpy's assert_allclose with a
// relative tolerance of 1e-3 and an absolute one of 1e-7, those of the folder's
// data.json, or its exceptions for single tests), but integers, booleans, strings, element types and shapes
// must agree exactly.
package conformance
