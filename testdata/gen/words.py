"""Word lists. No pretraining word occurs in the downstream set."""

# 182 common words, no homophones of each other or of a downstream word.
PRETRAIN = """
water people little number hospital because picture animal mother father
answer letter country between never under story always second almost
above girl sometimes mountain young talk song leave family music
color teacher paper together children river carry remember enough evening
doctor simple several toward against pattern slowly money map
system voice winter ground window question during hundred early power
machine table morning finger minute strong special behind clear street
inch nothing course stay wheel full force blue object decide
surface deep moon island foot busy test record boat common
gold possible plane dry wonder laugh thousand ago check game
shape hot miss brought heat snow bring distant fill east
paint language among grand ball wave drop heart present heavy
dance engine position arm wide sail material size vary settle
speak weight general ice matter circle pair include divide syllable
felt perhaps pick sudden count square reason length represent art
subject region energy hunt probable brother egg pencil cell believe
fraction forest sit race summer train sleep prove exercise garden
yellow purple orange market bottle kitchen dollar sugar castle dragon rabbit pocket silver
""".split()

# The downstream unknown class: keywords of other sets and near misses.
UNKNOWN_TRAIN_ONLY = "yard note cut town lift light ran odd step shop".split()
UNKNOWN_SHARED = "bed happy five follow marvin seven tree visual goat lost".split()
UNKNOWN_VAL_ONLY = "bird eight house nine wow nose dawn awful top rust".split()
UNKNOWN_TEST_ONLY = """
backward cat dog forward four learn one sheila six three
two zero yet cup loft nest rough apple owl gone
""".split()
