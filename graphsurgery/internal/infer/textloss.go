package infer

// textAndLoss lists string operators and losses.
func textAndLoss() map[string]Rule {
	return map[string]Rule{
		"StringNormalizer": stringNormalizer, "StringSplit": stringSplit, "TfIdfVectorizer": tfIdf,
		"NegativeLogLikelihoodLoss": nllLoss, "SoftmaxCrossEntropyLoss": loss,
	}
}

// stringNormalizer drops stop words, so that the last axis is known only without any.
func stringNormalizer(n *Node) error {
	s := clone(n.shape(0))
	if len(s) > 0 && len(n.Strs("stopwords")) > 0 {
		s[len(s)-1] = Unknown()
	}
	n.set(0, String, s)
	return nil
}

func stringSplit(n *Node) error {
	s := n.shape(0)
	n.set(0, String, nil)
	if s != nil {
		n.set(0, String, append(clone(s), Unknown()))
	}
	n.set(1, Int64, s)
	return nil
}

// tfIdf gives one number for each n-gram index.
func tfIdf(n *Node) error {
	width := int64(0)
	for _, i := range n.Ints("ngram_indexes") {
		width = max(width, i+1)
	}
	s := n.shape(0)
	switch len(s) {
	case 1:
		n.set(0, Float, dims(width))
	case 2:
		n.set(0, Float, []Expr{s[0], Const(width)})
	default:
		n.set(0, Float, nil)
	}
	return n.rankOf(0, "X", 1, 2)
}

func nllLoss(n *Node) error {
	_ = loss(n)
	return n.lossDemands()
}

// loss is a scalar, or of the target's shape without reduction.
func loss(n *Node) error {
	n.set(0, n.dtype(0), []Expr{})
	if n.Str("reduction", "mean") == "none" {
		n.set(0, n.dtype(0), n.shape(1))
	}
	n.set(1, n.dtype(0), n.shape(0))
	return nil
}
