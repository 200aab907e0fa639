package graphsurgery

import "google.golang.org/protobuf/encoding/protowire"

// kind says what a length-delimited field holds: a message of the ONNX schema,
// or one of the plain forms.
type kind uint8

const (
	other   kind = iota // nothing the schema knows, or not length-delimited
	text                // a name: its length is limited
	blob                // bytes, or a string of any length
	payload             // TensorProto.raw_data
	varints             // packed or single integers
	fixed4              // packed or single values of 4 bytes
	fixed8              // packed or single values of 8 bytes

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
	nothing tally = iota
	tallyNodes
	tallyInitializers
	tallyValues
	tallyFunctions
	tallyMetadata
	tallyRank     // within one tensor or shape
	tallyElements // within one tensor
	tallies
)

// field describes a field of a message. cost is the memory, in bytes, that one
// occurrence (of a packed field: one element) takes once it is decoded and
// indexed, beyond its own length; it counts the Go struct, its pointers with
// room to grow, and the index entry.
type field struct {
	kind  kind
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
	name    = field{kind: text, cost: costText}
	note    = field{kind: blob, cost: costText}
	number  = field{kind: varints, cost: costVarint}
	entries = field{kind: entryMsg, cost: 128}
	props   = field{kind: entryMsg, cost: 128, tally: tallyMetadata}
)

// schema is the ONNX schema as far as decoding it takes memory: for each kind of
// message, its fields by number. TestSchemaIsComplete holds it to the .proto.
var schema = [...][]field{
	modelMsg: {
		1: number, 2: name, 3: name, 4: name, 5: number, 6: note, 8: {kind: opsetMsg, cost: 96},
		7: {kind: graphMsg, cost: 1024}, 14: props, 20: {kind: trainingMsg, cost: 160},
		25: {kind: functionMsg, cost: 512, tally: tallyFunctions}, 26: {kind: deviceMsg, cost: 128},
	},
	graphMsg: {
		1: {kind: nodeMsg, cost: 512, tally: tallyNodes}, 2: name,
		5:  {kind: tensorMsg, cost: 768, tally: tallyInitializers},
		15: {kind: sparseMsg, cost: 128, tally: tallyInitializers}, 10: note,
		11: {kind: valueInfoMsg, cost: 512, tally: tallyValues}, 12: {kind: valueInfoMsg, cost: 512, tally: tallyValues},
		13: {kind: valueInfoMsg, cost: 128, tally: tallyValues}, 14: {kind: annotationMsg, cost: 128}, 16: props,
	},
	nodeMsg: {
		1: {kind: text, cost: costInput}, 2: {kind: text, cost: costValue, tally: tallyValues}, 3: name, 4: name, 7: name, 8: name,
		5: {kind: attributeMsg, cost: 360}, 6: note, 9: props, 10: {kind: nodeDeviceMsg, cost: 128},
	},
	attributeMsg: {
		1: name, 21: name, 13: note, 20: number, 2: {kind: fixed4, cost: costFixed4}, 3: number, 4: note,
		5: {kind: tensorMsg, cost: 384}, 6: {kind: graphMsg, cost: 1024}, 22: {kind: sparseMsg, cost: 128}, 14: {kind: typeMsg, cost: 96},
		7: {kind: fixed4, cost: costFixed4}, 8: number, 9: note, 10: {kind: tensorMsg, cost: 384}, 11: {kind: graphMsg, cost: 1024},
		23: {kind: sparseMsg, cost: 128}, 15: {kind: typeMsg, cost: 96},
	},
	tensorMsg: {
		1: {kind: varints, cost: costVarint, tally: tallyRank}, 2: number, 3: {kind: segmentMsg, cost: 64},
		4: {kind: fixed4, cost: costFixed4, tally: tallyElements}, 5: {kind: varints, cost: costFixed4, tally: tallyElements},
		6: {kind: blob, cost: costText, tally: tallyElements}, 7: {kind: varints, cost: costVarint, tally: tallyElements},
		8: name, 12: note, 9: {kind: payload, cost: costText}, 13: entries, 14: number,
		10: {kind: fixed8, cost: costFixed8, tally: tallyElements}, 11: {kind: varints, cost: costVarint, tally: tallyElements}, 16: props,
	},
	sparseMsg: {
		1: {kind: tensorMsg, cost: 384}, 2: {kind: tensorMsg, cost: 384}, 3: {kind: varints, cost: costVarint, tally: tallyRank},
	},
	functionMsg: {
		1: name, 4: name, 5: name, 6: name, 11: {kind: attributeMsg, cost: 360}, 7: {kind: nodeMsg, cost: 512, tally: tallyNodes},
		8: note, 9: {kind: opsetMsg, cost: 96}, 10: name, 13: name, 12: {kind: valueInfoMsg, cost: 128, tally: tallyValues}, 14: props,
	},
	trainingMsg:   {1: {kind: graphMsg, cost: 1024}, 2: {kind: graphMsg, cost: 1024}, 3: entries, 4: entries},
	valueInfoMsg:  {1: name, 2: {kind: typeMsg, cost: 96}, 3: note, 4: props},
	entryMsg:      {1: name, 2: note},
	opsetMsg:      {1: name, 2: number},
	annotationMsg: {1: name, 2: entries},
	segmentMsg:    {1: number, 2: number},
	typeMsg: {
		1: {kind: typeTensorMsg, cost: 96}, 4: {kind: typeElemMsg, cost: 96}, 5: {kind: typeMapMsg, cost: 96}, 9: {kind: typeElemMsg, cost: 96},
		8: {kind: typeTensorMsg, cost: 96}, 7: {kind: typeOpaqueMsg, cost: 96}, 6: name,
	},
	typeTensorMsg: {1: number, 2: {kind: shapeMsg, cost: 80}},
	typeElemMsg:   {1: {kind: typeMsg, cost: 96}},
	typeMapMsg:    {1: number, 2: {kind: typeMsg, cost: 96}},
	typeOpaqueMsg: {1: name, 2: name},
	shapeMsg:      {1: {kind: dimMsg, cost: 112, tally: tallyRank}},
	dimMsg:        {1: number, 2: name, 3: name},
	deviceMsg:     {1: name, 2: number, 3: name},
	nodeDeviceMsg: {1: name, 2: {kind: shardingMsg, cost: 160}, 3: number},
	shardingMsg:   {1: name, 2: number, 3: {kind: intListMsg, cost: 112}, 4: {kind: shardedDimMsg, cost: 112}},
	intListMsg:    {1: number, 2: number},
	shardedDimMsg: {1: number, 2: {kind: simpleDimMsg, cost: 112}},
	simpleDimMsg:  {1: number, 2: name, 3: number},
}

// isMessage reports whether the scanner descends into k.
func (k kind) isMessage() bool { return k >= modelMsg }

// lookup is the field of that number; its kind is other if there is none.
func (k kind) lookup(num protowire.Number) field {
	if fields := schema[k]; int(num) < len(fields) {
		return fields[num]
	}
	return field{}
}

// wireTypes reports whether the schema knows a field of that kind in that wire
// form; another form is an unknown field to every decoder.
func (f field) fits(t protowire.Type) bool {
	switch f.kind {
	case other:
		return false
	case varints:
		return t == protowire.VarintType || t == protowire.BytesType
	case fixed4:
		return t == protowire.Fixed32Type || t == protowire.BytesType
	case fixed8:
		return t == protowire.Fixed64Type || t == protowire.BytesType
	}
	return t == protowire.BytesType
}
