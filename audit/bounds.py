"""Every bound on outside input, in one place. Sizes in bytes, times in seconds."""

ENTRY_BYTES = 65_535
TILE_WIDTH = 256
HASH_BYTES = 32
TILE_BYTES = TILE_WIDTH * HASH_BYTES
ENTRY_BUNDLE_BYTES = TILE_WIDTH * (ENTRY_BYTES + 2)
CHECKPOINT_BYTES = 256 * 1024  # room for 64 cosignatures of ML-DSA-44 with the longest names
CHECKPOINTS = 100_000
VKEY_BYTES = 1024
KEY_LINE_BYTES = 65  # of the lists of credentials, spares, and voters struck for paper
ISSUED_LINE_BYTES = 388  # with an acknowledgement
FILES = 1_000_000
ENTRIES = 100_000_000

LANGUAGES = 8
QUESTIONS = 32
OPTIONS = 256
TRUSTEES = 32
REGISTRARS = 8
WITNESSES = 64
OFFICERS = 64
BUDGET = 2**32 - 1  # units that a budget holds
COMPLAINT_SECONDS = 30 * 86_400
TEXT_CHARACTERS = 4_000
TALLY_TRIES = 4  # intents, and partial decryptions, of one trustee
ABANDON_SECONDS = 14 * 86_400  # so long the trustees have, before officers may end a referendum without a result
CASTS = 1_000
ROLL = 11_000_000  # an issuance list of so many lines stays below 4 GiB
BALLOTS = 99_000_000  # as many as voters and their casts allow; a log of ENTRIES has room for all else
ATTEMPTS = 1_000
DICE = 30  # 30 throws are 77 bits that nobody knew
SIGNATURES = 64  # of one entry
CLIENT_FILES = 1_000  # of one release
DESTROYED = 100  # lines of one purge
POSTCODES = 2_000
ADDRESS_CHARACTERS = 300
HOST_CHARACTERS = 253
ORIGIN_CHARACTERS = 200

# What a binding referendum may not go below.
BINDING_FLOOR = 30
BINDING_BATCH_SECONDS = 600
BINDING_BATCH_TOKENS = 50
BINDING_HEALING_SECONDS = 900
BINDING_ARGON2_KIB = 19 * 1024
BINDING_ARGON2_PASSES = 2

LATEST_TIME = 253_402_300_799  # the end of the year 9999
