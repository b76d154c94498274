"""Large pools of words for the names of functions, arguments and variables."""

import keyword
import random

NOUNS = """lantern ledger meadow harbor pebble basket candle ticket parcel orchard bridge garden window kettle pillow blanket
ribbon feather hammer needle saddle anchor barrel beacon bucket button cabin camel canoe carpet castle cellar cherry chimney
cloud coin comet compass copper corner cottage cradle crater cricket crystal curtain daisy desert diamond dolphin donkey dragon
drawer eagle echo ember engine envelope fabric falcon fence ferry fiddle flame flask flower forest fossil fountain galaxy gallery
garlic gate glacier globe goblet grape guitar harvest helmet heron hinge hollow honey horizon hornet island ivory jacket jasmine
jewel journal journey jungle kernel kitten ladder lagoon lemon lens lily lizard locket lotus magnet mango maple marble mason
medal melody melon meteor mirror mitten monkey mortar mosaic motor mountain mushroom nectar nest nickel notebook nugget oasis
oat ocean olive onion opal orbit orchid otter owl oyster paddle palace panel paper parrot patch peach pearl pencil penguin pepper
petal piano pigeon pilot planet plank planter plum pocket pond poppy portal potato powder prism pulley pumpkin puppet puzzle
quarry quill rabbit radar radish raft rail rainbow ranch raven reef relic ridge river robin rocket roof rope rose rudder sail
salmon sandal satchel saucer scarf school sculpture season seed shadow shell shield shovel signal silver sketch sleeve slipper
snow sofa sparrow spice spider spoon spring squirrel stable stamp star statue steam stone storm stove stream summit sunset swan
table tablet temple thimble thistle thread throne thunder tiger timber toast tomato tower tractor trail train treasure trumpet
tulip tunnel turbine turtle umbrella urn valley vase velvet vessel viking village vine violin violet vulture wagon walnut waltz
warehouse water whale wheel whistle willow winter wizard wolf yacht zebra zipper account archive badge banner batch bill branch
budget bundle cargo chapter chart code column contest course coupon crew debt deposit distance effort energy error event figure
fortune frame gain goal guest hour image income index invoice label lecture lesson letterbox level loan margin market member
message metal minute model month nurse office offer order packet page parade partner path payment penalty person photo place
player point prize profit project quota ratio reading receipt record region rental report reward room route salary sample sensor
serial session shelf shipment signature size speed stage station stock story street student supply survey symbol target team
temperature term theme ticketbox token total tourist tower trade trip unit user value vendor version visit visitor volume vote
voucher wage weight width worker zone""".split()
VERBS = """adapt add adjust admit align arrange assign attach balance bind blend book borrow build bundle calibrate carry carve
change check choose claim clean clip close collect combine compare compile complete compose compute convert copy correct cover
craft create cross cut deal decide decorate define deliver derive describe design detect determine display divide double draw
drop earn edit emit enlarge enter estimate evaluate examine expand explore export extend extract fetch file fill filter find
finish fit fix fold follow forecast form format frame gather get give grade grant group grow guess guide halve handle hide hold
identify import improve increase inspect invert join judge keep label lay lift limit link list load locate lock lower make map
mark match measure meet merge mix modify monitor mount move name narrow note number obtain offer open pack pad paint pair park
pass patch pay pick place plan plant play plot polish pour prepare press produce prove pull push put raise rank rate reach read
rearrange recall record reduce refine register release remove rename repair repeat replace report request reserve reset resize
restore retrieve review rinse roll round route run save scale scan score screen search select send separate serve set settle
shape share shift show shrink skip slice solve sort span split spread stack start steer stop store stretch strip submit subtract
swap tag take tally test tidy tie tilt toggle total trace track trade translate treat trim turn unlock unpack update upgrade use
validate verify visit wash watch weave weigh wind wrap write yield zip""".split()
ADJECTIVES = """amber ancient basic big blue bold brave brief bright broad broken calm cheap chosen clean clear clever cold common
compact cool crisp current curved daily damp dark deep dense distinct double dry dull dusty eager early easy empty extra faint fair
fast final fine firm first flat fresh full gentle golden grand gray green happy hard heavy hidden high hollow honest huge humble
icy idle inner jolly keen kind large last late lazy light little local lonely long loose loud lucky main mellow middle mild minor
modern narrow nearby neat new next noisy odd old open outer pale plain pretty proud quick quiet rapid rare raw ready red rich ripe
rough round royal rusty safe salty secret sharp short shy silent silver simple single slim slow small smooth soft solid sour spare
special square steady steep strict strong sunny sweet swift tall tender thick thin tidy tiny tough upper usual vast warm weekly wet
white whole wide wild wise young""".split()
BUILTINS = """list map filter round sum set zip open sorted format input range print max min len"""
FORBIDDEN = frozenset(keyword.kwlist) | frozenset(BUILTINS.split(" "))
PLURAL_TOKENS = frozenset(["XS", "YS", "WW", "DD", "D2", "GG"])
SINGLE_TOKENS = frozenset(
    [
        "X",
        "TT",
        "CC",
        "RR",
        "BB",
        "PP",
        "SS",
        "S2",
        "CH",
        "W",
        "KEY",
        "VAL",
        "ROW",
        "NN",
        "KK",
        "AA",
        "BX",
        "CCX",
        "CX",
        "MM",
    ]
)


def plural(noun: str) -> str:
    """The regular plural of a noun."""
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    if noun.endswith(("s", "x", "ch", "sh")) or noun in ("tomato", "potato", "mango", "echo"):
        return noun + "es"
    if noun in ("wolf", "shelf"):
        return noun[:-1] + "ves"
    return noun if noun in ("snow", "water", "thunder", "honey", "garlic", "salmon", "ivory") else noun + "s"


def function_name(rng: random.Random) -> str:
    """A made-up name such as tidy_lanterns, parcel_ridge or wrap."""
    draw = rng.random()
    noun = rng.choice(NOUNS)
    end = plural(noun) if rng.random() < 0.4 else noun
    if draw < 0.45:
        return f"{rng.choice(VERBS)}_{end}"
    if draw < 0.65:
        return f"{rng.choice(NOUNS)}_{end}"
    if draw < 0.85:
        return f"{rng.choice(ADJECTIVES)}_{end}"
    if draw < 0.92:
        return f"{rng.choice(VERBS)}_{rng.choice(ADJECTIVES)}_{end}"
    word = rng.choice(VERBS + NOUNS)
    return f"{word}_all" if word in FORBIDDEN else word


def variable(rng: random.Random, token: str = "X", short: float = 0.85) -> str:
    """An identifier for one thing, or for many where the token stands for a collection."""
    noun = rng.choice(NOUNS)
    word = plural(noun) if token in PLURAL_TOKENS else noun
    if rng.random() > short:
        word = f"{rng.choice(ADJECTIVES)}_{word}"
    return f"{word}_value" if word in FORBIDDEN else word
