package graphsurgery

import "google.golang.org/protobuf/encoding/protowire"

// wireKind says what a length-delimited field holds: a message of the ONNX schema,
// or one of the plain forms.
type wireKind uint8

const (
	formOther   wireKind = iota // nothing the schema knows, or not length-delimited
	formName                    // a name: its length is limited
	formBytes                   // bytes, or a string of any length
	formRaw                     // TensorProto.raw_data
	formVarints                 // packed or single integers
	formFixed4                  // packed or single values of 4 bytes
	formFixed8                  // packed or single values of 8 bytes

	modelMsg
	graphMsg
	nodeMsg
	attributeMsg
	tensorMsg
	sparseMsg
	functionMsg
	trainingMsg
	valueInfoMsg
	entryMsg
	opsetMsg
	annotationMsg
	segmentMsg
	typeMsg
	typeTensorMsg
	typeElemMsg
	typeMapMsg
	typeOpaqueMsg
	shapeMsg
	dimMsg
	deviceMsg
	nodeDeviceMsg
	shardingMsg
	intListMsg
	shardedDimMsg
	simpleDimMsg
)

// tally is what a field counts towards.
type tally uint8

const (
	tallyNone tally = iota
	tallyNodes
	tallyInitializers
	tallyValues
	tallyFunctions
	tallyMetadata
	tallyRank     // within one tensor or shape
	tallyElements // within one tensor
	tallies
)

// wireField describes a field of a message. cost is the memory, in bytes, that one
// occurrence (of a packed field: one element) takes once it is decoded and
// indexed, beyond its own length; it counts the Go struct, its pointers with
// room to grow, and the index entry.
type wireField struct {
	kind  wireKind
	cost  int32
	tally tally
}

// Costs of strings and bytes: a header, rounding, and slack of the slice that
// holds it; names that become values have an index entry, too.
const (
	costText   = 48
	costInput  = 96
	costValue  = 320
	costVarint = 16
	costFixed4 = 8
	costFixed8 = 16
)

var (
	nameField   = wireField{kind: formName, cost: costText}
	noteField   = wireField{kind: formBytes, cost: costText}
	numberField = wireField{kind: formVarints, cost: costVarint}
	entryField  = wireField{kind: entryMsg, cost: 128}
	propField   = wireField{kind: entryMsg, cost: 128, tally: tallyMetadata}
)

// schema is the ONNX schema as far as decoding it takes memory: for each kind of
// message, its fields by number. TestSchemaIsComplete holds it to the .proto.
var schema = [...][]wireField{
	modelMsg: {
		1: numberField, 2: nameField, 3: nameField, 4: nameField, 5: numberField, 6: noteField, 8: {kind: opsetMsg, cost: 96},
		7: {kind: graphMsg, cost: 1024}, 14: propField, 20: {kind: trainingMsg, cost: 160},
		25: {kind: functionMsg, cost: 512, tally: tallyFunctions}, 26: {kind: deviceMsg, cost: 128},
	},
	graphMsg: {
		1: {kind: nodeMsg, cost: 512, tally: tallyNodes}, 2: nameField,
		5:  {kind: tensorMsg, cost: 768, tally: tallyInitializers},
		15: {kind: sparseMsg, cost: 128, tally: tallyInitializers}, 10: noteField,
		11: {kind: valueInfoMsg, cost: 512, tally: tallyValues}, 12: {kind: valueInfoMsg, cost: 512, tally: tallyValues},
		13: {kind: valueInfoMsg, cost: 128, tally: tallyValues}, 14: {kind: annotationMsg, cost: 128}, 16: propField,
	},
	nodeMsg: {
		1: {kind: formName, cost: costInput}, 2: {kind: formName, cost: costValue, tally: tallyValues}, 3: nameField, 4: nameField, 7: nameField, 8: nameField,
		5: {kind: attributeMsg, cost: 360}, 6: noteField, 9: propField, 10: {kind: nodeDeviceMsg, cost: 128},
	},
	attributeMsg: {
		1: nameField, 21: nameField, 13: noteField, 20: numberField, 2: {kind: formFixed4, cost: costFixed4}, 3: numberField, 4: noteField,
		5: {kind: tensorMsg, cost: 384}, 6: {kind: graphMsg, cost: 1024}, 22: {kind: sparseMsg, cost: 128}, 14: {kind: typeMsg, cost: 96},
		7: {kind: formFixed4, cost: costFixed4}, 8: numberField, 9: noteField, 10: {kind: tensorMsg, cost: 384}, 11: {kind: graphMsg, cost: 1024},
		23: {kind: sparseMsg, cost: 128}, 15: {kind: typeMsg, cost: 96},
	},
	tensorMsg: {
		1: {kind: formVarints, cost: costVarint, tally: tallyRank}, 2: numberField, 3: {kind: segmentMsg, cost: 64},
		4: {kind: formFixed4, cost: costFixed4, tally: tallyElements}, 5: {kind: formVarints, cost: costFixed4, tally: tallyElements},
		6: {kind: formBytes, cost: costText, tally: tallyElements}, 7: {kind: formVarints, cost: costVarint, tally: tallyElements},
		8: nameField, 12: noteField, 9: {kind: formRaw, cost: costText}, 13: entryField, 14: numberField,
		10: {kind: formFixed8, cost: costFixed8, tally: tallyElements}, 11: {kind: formVarints, cost: costVarint, tally: tallyElements}, 16: propField,
	},
	sparseMsg: {
		1: {kind: tensorMsg, cost: 384}, 2: {kind: tensorMsg, cost: 384}, 3: {kind: formVarints, cost: costVarint, tally: tallyRank},
	},
	functionMsg: {
		1: nameField, 4: nameField, 5: nameField, 6: nameField, 11: {kind: attributeMsg, cost: 360}, 7: {kind: nodeMsg, cost: 512, tally: tallyNodes},
		8: noteField, 9: {kind: opsetMsg, cost: 96}, 10: nameField, 13: nameField, 12: {kind: valueInfoMsg, cost: 128, tally: tallyValues}, 14: propField,
	},
	trainingMsg:   {1: {kind: graphMsg, cost: 1024}, 2: {kind: graphMsg, cost: 1024}, 3: entryField, 4: entryField},
	valueInfoMsg:  {1: nameField, 2: {kind: typeMsg, cost: 96}, 3: noteField, 4: propField},
	entryMsg:      {1: nameField, 2: noteField},
	opsetMsg:      {1: nameField, 2: numberField},
	annotationMsg: {1: nameField, 2: entryField},
	segmentMsg:    {1: numberField, 2: numberField},
	typeMsg: {
		1: {kind: typeTensorMsg, cost: 96}, 4: {kind: typeElemMsg, cost: 96}, 5: {kind: typeMapMsg, cost: 96}, 9: {kind: typeElemMsg, cost: 96},
		8: {kind: typeTensorMsg, cost: 96}, 7: {kind: typeOpaqueMsg, cost: 96}, 6: nameField,
	},
	typeTensorMsg: {1: numberField, 2: {kind: shapeMsg, cost: 80}},
	typeElemMsg:   {1: {kind: typeMsg, cost: 96}},
	typeMapMsg:    {1: numberField, 2: {kind: typeMsg, cost: 96}},
	typeOpaqueMsg: {1: nameField, 2: nameField},
	shapeMsg:      {1: {kind: dimMsg, cost: 112, tally: tallyRank}},
	dimMsg:        {1: numberField, 2: nameField, 3: nameField},
	deviceMsg:     {1: nameField, 2: numberField, 3: nameField},
	nodeDeviceMsg: {1: nameField, 2: {kind: shardingMsg, cost: 160}, 3: numberField},
	shardingMsg:   {1: nameField, 2: numberField, 3: {kind: intListMsg, cost: 112}, 4: {kind: shardedDimMsg, cost: 112}},
	intListMsg:    {1: numberField, 2: numberField},
	shardedDimMsg: {1: numberField, 2: {kind: simpleDimMsg, cost: 112}},
	simpleDimMsg:  {1: numberField, 2: nameField, 3: numberField},
}

// isMessage reports whether the scanner descends into k.
func (k wireKind) isMessage() bool { return k >= modelMsg }

// lookup is the field of that number; its kind is other if there is none.
func (k wireKind) lookup(num protowire.Number) wireField {
	if fields := schema[k]; int(num) < len(fields) {
		return fields[num]
	}
	return wireField{}
}

// wireTypes reports whether the schema knows a field of that kind in that wire
// form; another form is an unknown field to every decoder.
func (f wireField) fits(t protowire.Type) bool {
	switch f.kind {
	case formOther:
		return false
	case formVarints:
		return t == protowire.VarintType || t == protowire.BytesType
	case formFixed4:
		return t == protowire.Fixed32Type || t == protowire.BytesType
	case formFixed8:
		return t == protowire.Fixed64Type || t == protowire.BytesType
	}
	return t == protowire.BytesType
}
