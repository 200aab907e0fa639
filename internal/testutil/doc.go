// Package testutil helps the tests of aat-onnx; no program code imports it.
//
// The first call to make is [ReadNPZ], which reads golden values that a Python
// reference wrote with np.savez:
//
//	golden, err := testutil.ReadNPZ("../testdata/golden/fbank.npz")
//	want := golden["raw"].Float32s() // shape golden["raw"].Shape
//
// It refuses arrays of other types than float32, float64, int64, int32 and
// bool, and data that does not fit its shape.
package testutil
