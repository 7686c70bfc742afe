"""The words that made-up texts consist of."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NOUNS = _words(
    """
    river engineer bridge garden library teacher window market kettle mountain letter doctor winter camera street
    neighbour recipe harbour violin ticket forest station painter notebook breakfast museum sailor lantern village
    journey cousin orchard message student ladder thunder carpet compass festival bakery translator envelope farmer
    telescope blanket corridor island captain newspaper chimney tailor puzzle elevator stranger valley basket
    photograph customer airport meadow grandmother bicycle question answer architect umbrella waterfall
    """
)
ADJECTIVES = _words(
    """
    quiet old narrow bright heavy curious patient wooden distant careful empty golden broken gentle noisy frozen
    famous clever dusty hungry modern silver crowded honest simple forgotten tired unusual friendly delicate
    stubborn ordinary deep sudden warm lonely cheerful complicated
    """
)
VERBS = _words(
    """
    repairs visits describes follows remembers opens paints carries watches answers borrows discovers measures
    protects finds explains crosses reaches replaces admires prepares delivers questions observes improves misses
    recognises photographs translates imagines collects returns surprises supports avoids orders reads changes
    """
)
ADVERBS = _words(
    """
    slowly often rarely quietly suddenly always carefully almost gladly finally usually nearly politely quickly
    secretly never proudly together
    """
)
CONNECTIVES = _words(
    """
    while because although before after whenever and but until since unless
    """
)
PLACES = (
    "near the harbour",
    "behind the library",
    "on Monday morning",
    "after a long winter",
    "across the valley",
    "in front of the station",
    "during the festival",
    "under a grey sky",
    "at the end of the street",
    "without a single word",
    "for the third time",
    "between two mountains",
    "before the first snow",
    "with a borrowed umbrella",
)
