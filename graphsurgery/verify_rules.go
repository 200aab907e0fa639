package graphsurgery

// Rule is one demand that [Model.Check] makes.
type Rule struct {
	ID    string // short and stable, such as order
	Level Level
	Text  string // what is demanded
}

// Rules lists all demands of [Model.Check], by level.
func Rules() []Rule { return append([]Rule(nil), rules[:]...) }

type ruleID int

const (
	ruleNesting ruleID = iota
	ruleInputTwice
	ruleTensorName
	ruleTensor
	ruleOperatorName
	ruleDomain
	ruleOrder
	ruleUndefined
	ruleDefinedTwice
	ruleOutput
	rulePortType

	ruleIRVersion
	ruleOpset
	ruleMetadataTwice
	ruleGraphName
	rulePort
	ruleOutputElsewhere
	ruleInitializerInput
	ruleElementType
	ruleSparse
	ruleExternal
	ruleAttribute
	ruleAttributeTwice
	ruleReference
	ruleNoPorts
	ruleDomainSpelling
	ruleImport
	ruleOperator
	ruleDeprecated
	ruleInputs
	ruleOutputs
	ruleAttributeName
	ruleAttributeType
	ruleAttributeMissing
	ruleFunctionName
	ruleFunctionPorts
	ruleFunctionTwice
	ruleFunctionOpset
	ruleFunctionCycle
	ruleFunctionCount

	ruleType
	ruleDeclared
	ruleInference
	rulePortElement
	ruleFunctionCycleInside

	ruleTensorSize
	ruleExternalRange
	ruleFunctionOutput
	ruleFunctionDepth
	ruleRuns

	ruleCustom
	ruleRemoved
	ruleOpsetUnknown
	ruleOpsetTwice
	ruleOpsetUnused
	ruleNodeName
	ruleShadow
	ruleUnusedTensor
	ruleUnusedFunction
	ruleOutputTwice
	ruleCall
	ruleReferenceUnknown
	ruleAttributeEmpty
	ruleValueInfo
	ruleValueInfoTwice
	ruleQuantization
	ruleOpaque
	ruleLeak
)

var rules = [...]Rule{
	ruleNesting:      {"nesting", LevelStructure, "graphs are nested at most 32 deep"},
	ruleInputTwice:   {"input-twice", LevelStructure, "inputs of a graph or function have different names"},
	ruleTensorName:   {"initializer-name", LevelStructure, "initialisers have names, different in each graph"},
	ruleTensor:       {"tensor", LevelStructure, "a tensor's values, or where they lie, are given once, in the form of its type"},
	ruleOperatorName: {"operator-name", LevelStructure, "a node names an operator"},
	ruleDomain:       {"domain", LevelStructure, "an operator's domain is imported, or one of the model's functions"},
	ruleOrder:        {"order", LevelStructure, "a value is computed before it is read"},
	ruleUndefined:    {"undefined", LevelStructure, "a value that is read is an input, an initialiser or computed"},
	ruleDefinedTwice: {"defined-twice", LevelStructure, "a node computes a name that is not yet defined, here or around"},
	ruleOutput:       {"output", LevelStructure, "outputs of a graph are defined"},
	rulePortType:     {"port-type", LevelStructure, "inputs and outputs of the main graph have types"},

	ruleIRVersion:        {"ir-version", LevelSchema, "the IR version is one this program knows"},
	ruleOpset:            {"opset", LevelSchema, "operator sets are imported, from IR 3 on, with a possible version"},
	ruleMetadataTwice:    {"metadata-twice", LevelSchema, "metadata keys of the model are different"},
	ruleGraphName:        {"graph-name", LevelSchema, "graphs have names"},
	rulePort:             {"port", LevelSchema, "inputs and outputs have names; those of the main graph have whole types, with shapes"},
	ruleOutputElsewhere:  {"output-elsewhere", LevelSchema, "a graph's outputs are defined in it, not around it"},
	ruleInitializerInput: {"initializer-input", LevelSchema, "up to IR 3, initialisers are inputs too"},
	ruleElementType:      {"element-type", LevelSchema, "a tensor's element type is one of the standard's"},
	ruleSparse:           {"sparse-tensor", LevelSchema, "a sparse tensor has rank, values and as many indices, ascending and in range"},
	ruleExternal:         {"external-data", LevelSchema, "external data is in a plain file in or below the model's folder"},
	ruleAttribute:        {"attribute", LevelSchema, "an attribute has a name, a type, and at most one value, of that type"},
	ruleAttributeTwice:   {"attribute-twice", LevelSchema, "attributes of a node have different names"},
	ruleReference:        {"reference", LevelSchema, "an attribute that refers to one of the function has no value itself"},
	ruleNoPorts:          {"no-ports", LevelSchema, "a node has an input or an output"},
	ruleDomainSpelling:   {"domain-spelling", LevelSchema, "nodes spell the standard's domain as imports do, which onnx's checker demands: empty"},
	ruleImport:           {"import", LevelSchema, "an operator's domain is imported by the model or function it stands in"},
	ruleOperator:         {"operator", LevelSchema, "the imported operator set has the operator"},
	ruleDeprecated:       {"deprecated", LevelSchema, "the operator is not withdrawn"},
	ruleInputs:           {"inputs", LevelSchema, "a node has as many inputs as its operator takes, and none blank that must be there"},
	ruleOutputs:          {"outputs", LevelSchema, "a node has as many outputs as its operator gives, and none blank that must be there"},
	ruleAttributeName:    {"attribute-name", LevelSchema, "the operator has an attribute of that name"},
	ruleAttributeType:    {"attribute-type", LevelSchema, "an attribute has the type that the operator demands"},
	ruleAttributeMissing: {"attribute-missing", LevelSchema, "required attributes are there"},
	ruleFunctionName:     {"function-name", LevelSchema, "functions have a name and, from IR 8 on, a domain"},
	ruleFunctionPorts:    {"function-ports", LevelSchema, "outputs and attributes of a function have different names"},
	ruleFunctionTwice:    {"function-twice", LevelSchema, "functions differ in domain, name or overload"},
	ruleFunctionOpset:    {"function-opset", LevelSchema, "an operator means the same in a function as in the model"},
	ruleFunctionCycle:    {"function-cycle", LevelSchema, "functions do not call themselves"},
	ruleFunctionCount:    {"function-count", LevelSchema, "a model has at most 10,000 functions"},

	ruleType:                {"type", LevelTypes, "values have types that the operator takes, the same where it demands that"},
	ruleDeclared:            {"declared", LevelTypes, "what the file says of a value is what the operator gives"},
	ruleInference:           {"inference", LevelTypes, "shapes and attributes fit together"},
	rulePortElement:         {"port-element", LevelTypes, "inputs and outputs of the main graph have element types"},
	ruleFunctionCycleInside: {"function-cycle-inside", LevelTypes, "functions do not call themselves from bodies of their nodes"},

	ruleTensorSize:     {"tensor-size", LevelRunnable, "a tensor has, or says clearly where there are, as many values as its shape holds"},
	ruleExternalRange:  {"external-range", LevelRunnable, "external data has the bytes that are asked for"},
	ruleFunctionOutput: {"function-output", LevelRunnable, "outputs of a function are computed"},
	ruleFunctionDepth:  {"function-depth", LevelRunnable, "calls of functions are nested at most 100 deep"},
	ruleRuns:           {"runs", LevelRunnable, "shapes and attributes fit together where onnx's inference does not look"},

	ruleCustom:           {"custom-operator", LevelStrict, "an operator outside the standard is a function of the model, or of a domain the caller knows"},
	ruleRemoved:          {"removed-operator", LevelStrict, "the operator is not one of the experiments that left the standard"},
	ruleOpsetUnknown:     {"opset-unknown", LevelStrict, "imported versions of the standard's operator sets are released"},
	ruleOpsetTwice:       {"opset-twice", LevelStrict, "a domain is imported once"},
	ruleOpsetUnused:      {"opset-unused", LevelStrict, "an imported domain is used"},
	ruleNodeName:         {"node-name", LevelStrict, "names of nodes are different in a graph"},
	ruleShadow:           {"shadow", LevelStrict, "inputs and initialisers of a body have names not used around it"},
	ruleUnusedTensor:     {"initializer-unused", LevelStrict, "an initialiser is read or is an output"},
	ruleUnusedFunction:   {"function-unused", LevelStrict, "a function is called"},
	ruleOutputTwice:      {"output-twice", LevelStrict, "outputs of a graph have different names"},
	ruleCall:             {"call", LevelStrict, "a call gives a function no more inputs, outputs and attributes than it has"},
	ruleReferenceUnknown: {"reference-unknown", LevelStrict, "an attribute refers to one that the function has, and stands in a function"},
	ruleAttributeEmpty:   {"attribute-empty", LevelStrict, "an attribute of a single number or string has a value"},
	ruleValueInfo:        {"value-info", LevelStrict, "value_info describes values that are there"},
	ruleValueInfoTwice:   {"value-info-twice", LevelStrict, "a value is described once"},
	ruleQuantization:     {"quantization", LevelStrict, "quantisation annotations name values that are there"},
	ruleOpaque:           {"opaque", LevelStrict, "opaque types have names"},
	ruleLeak:             {"leak", LevelStrict, "metadata holds no stack traces, which tell paths of the machine that wrote the model"},
}
