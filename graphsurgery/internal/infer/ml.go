package infer

// learning lists ai.onnx.ml.
func learning() map[string]Rule {
	return map[string]Rule{
		"ArrayFeatureExtractor": arrayFeatureExtractor, "Binarizer": likeFirst, "Imputer": likeFirst,
		"Normalizer": toFloat, "Scaler": toFloat, "CastMap": castMap, "CategoryMapper": categoryMapper,
		"DictVectorizer": dictVectorizer, "FeatureVectorizer": featureVectorizer, "LabelEncoder": labelEncoder,
		"OneHotEncoder": oneHotEncoder, "LinearRegressor": regressor, "SVMRegressor": regressor,
		"TreeEnsembleRegressor": regressor, "TreeEnsemble": treeEnsemble, "LinearClassifier": classifier,
		"SVMClassifier": classifier, "TreeEnsembleClassifier": classifier, "ZipMap": zipMap,
	}
}

func toFloat(n *Node) error {
	n.set(0, Float, n.shape(0))
	return nil
}

// rows is the number of samples: the first axis, 1 for a vector.
func (n *Node) rows() Expr {
	switch s := n.shape(0); {
	case len(s) == 1:
		return Const(1)
	case len(s) > 1:
		return s[0]
	}
	return Unknown()
}

// arrayFeatureExtractor picks columns of the last axis.
func arrayFeatureExtractor(n *Node) error {
	s, y := n.shape(0), n.shape(1)
	n.set(0, n.dtype(0), nil)
	if len(s) == 0 || y == nil {
		return nil
	}
	out := clone(s)
	if len(s) == 1 {
		out = []Expr{Const(1), Unknown()}
	}
	out[len(out)-1] = Product(y)
	n.set(0, n.dtype(0), out)
	return nil
}

func castMap(n *Node) error {
	kind := Float
	switch n.Str("cast_to", "TO_FLOAT") {
	case "TO_STRING":
		kind = String
	case "TO_INT64":
		kind = Int64
	}
	n.set(0, kind, []Expr{Const(1), Unknown()})
	if n.Str("map_form", "DENSE") == "SPARSE" {
		n.set(0, kind, dims(1, n.Int("max_map", 1)))
	}
	return nil
}

func categoryMapper(n *Node) error {
	kind := Undefined
	switch n.dtype(0) {
	case String:
		kind = Int64
	case Int64:
		kind = String
	}
	n.set(0, kind, n.shape(0))
	return nil
}

func dictVectorizer(n *Node) error {
	kind := Undefined
	if v := n.in(0); v != nil && v.Kind == Map && v.Elem != nil {
		kind = v.Elem.DType
	}
	width := int64(max(len(n.Strs("string_vocabulary")), len(n.Ints("int64_vocabulary"))))
	n.set(0, kind, dims(1, width))
	return nil
}

func featureVectorizer(n *Node) error {
	width := int64(0)
	for _, d := range n.Ints("inputdimensions") {
		width += max(d, 0)
	}
	n.set(0, Float, []Expr{n.rows(), Const(width)})
	return nil
}

// labelEncoder's type is that of the values attribute given.
func labelEncoder(n *Node) error {
	kind := Undefined
	switch {
	case n.Has("values_strings"):
		kind = String
	case n.Has("values_int64s"):
		kind = Int64
	case n.Has("values_floats"):
		kind = Float
	case n.Has("values_tensor"):
		v, _ := n.Tensor("values_tensor")
		kind = v.DType
	case n.Has("classes_strings") && n.dtype(0) == String: // version 1
		kind = Int64
	case n.Has("classes_strings"):
		kind = String
	}
	n.set(0, kind, n.shape(0))
	if keys, in := n.keyType(), n.dtype(0); keys != Undefined && in != Undefined && keys != in {
		return fail("the input is of type %s, the keys are of type %s", typeName(in), typeName(keys))
	}
	return nil
}

func oneHotEncoder(n *Node) error {
	s := n.shape(0)
	n.set(0, Float, nil)
	if s != nil {
		n.set(0, Float, append(clone(s), Const(int64(max(len(n.Ints("cats_int64s")), len(n.Strs("cats_strings")))))))
	}
	return nil
}

func regressor(n *Node) error {
	targets := n.Int("n_targets", n.Int("targets", 1))
	n.set(0, Float, []Expr{n.rows(), Const(targets)})
	return nil
}

func treeEnsemble(n *Node) error {
	n.set(0, n.dtype(0), []Expr{n.rows(), Const(n.Int("n_targets", 1))})
	return nil
}

// classifier gives a label and a score for each class.
func classifier(n *Node) error {
	labels, kind := 0, Int64
	for _, name := range []string{"classlabels_strings", "classlabels_int64s", "classlabels_ints"} {
		if n.Has(name) {
			labels = max(len(n.Strs(name)), len(n.Ints(name)))
			if name == "classlabels_strings" && labels > 0 {
				kind = String
			}
		}
	}
	scores := Unknown()
	if labels > 0 {
		scores = Const(int64(labels))
	}
	n.set(0, kind, []Expr{n.rows()})
	n.set(1, Float, []Expr{n.rows(), scores})
	return nil
}

func zipMap(n *Node) error {
	key := Int64
	if n.Has("classlabels_strings") {
		key = String
	}
	value := Type{DType: Float, Shape: []Expr{}}
	n.Out[0] = sequenceOf(Type{Kind: Map, DType: key, Elem: &value})
	return nil
}
