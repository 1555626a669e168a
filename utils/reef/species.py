"""The 31 species of fish31: what they are called, how they are related, what they look like, how many there are.

The common names are the folder names of the published Fish Dataset. A common name is not always one species: where its
photographs show several, the one meant in the Philippines, where they were gathered, is taken (Mudfish is Channa
striata, Catfish is Clarias batrachus). Families and orders follow Eschmeyer's Catalog of Fishes.
"""

from __future__ import annotations

from dataclasses import dataclass

STAGES = {"juvenile": 0.62, "adult": 1.0}
RANKS = ("species", "genus", "family", "order")
Rgb = tuple[float, float, float]
Fin = tuple[float, float, float, str]
"""Where its base starts and ends, its height (shares of the standard length), and its shape."""


@dataclass(frozen=True)
class Species:
    """One species. Lengths are shares of the standard length (snout to tail base), heights on the flank run from -1 to 1.

    `morphs` has (back, flank, belly) by colour word, `tail` (shape, length, half height), `scales` (size, contrast),
    `eye` (radius, place along, height), `pattern` tuples that `utils.reef.fish_skins` paints, `number` the weight of the
    species in the set, `bend` how far the body curves.
    """

    name: str
    genus: str
    epithet: str
    family: str
    order: str
    number: int
    plan: str
    depth: float
    morphs: dict[str, tuple[Rgb, Rgb, Rgb]]
    tail: tuple[str, float, float]
    dorsal: tuple[Fin, ...] = ()
    anal: tuple[Fin, ...] = ()
    fin: Rgb = (0.55, 0.54, 0.48)
    pattern: tuple[tuple, ...] = ()
    scales: tuple[float, float] = (0.03, 0.25)
    eye: tuple[float, float, float] = (0.030, 0.09, 0.25)
    iris: Rgb = (0.80, 0.76, 0.60)
    head: float = 0.25
    mouth: tuple[float, float] = (-0.15, 0.05)
    pectoral: float = 0.16
    pelvic: float = 0.42
    barbels: int = 0
    filaments: str = ""
    gloss: float = 0.30
    glass: float = 1.0
    bend: float = 0.12


_STEEL = ((0.34, 0.42, 0.46), (0.74, 0.78, 0.79), (0.92, 0.93, 0.92))
_OLIVE = ((0.27, 0.27, 0.16), (0.48, 0.44, 0.27), (0.78, 0.74, 0.58))
_MUD = ((0.20, 0.17, 0.11), (0.36, 0.30, 0.20), (0.72, 0.67, 0.54))
_DUSK = ((0.16, 0.17, 0.17), (0.34, 0.34, 0.32), (0.66, 0.64, 0.58))
_GREY = ((0.26, 0.28, 0.29), (0.52, 0.53, 0.51), (0.82, 0.81, 0.77))
_CARP = ((0.44, 0.56, 0.13, "soft"),)
_DARK, _INK = (0.08, 0.08, 0.08), (0.03, 0.03, 0.04)

SPECIES = {
    s.name: s
    for s in (
        Species("Bangus", "Chanos", "chanos", "Chanidae", "Gonorynchiformes", 17, "torpedo", 0.25, {"silver": _STEEL},
                ("forked", 0.34, 0.21), ((0.46, 0.58, 0.13, "soft"),), ((0.83, 0.91, 0.05, "soft"),), (0.55, 0.58, 0.58),
                scales=(0.022, 0.16), eye=(0.036, 0.10, 0.15), gloss=0.5),
        Species("Big Head Carp", "Hypophthalmichthys", "nobilis", "Xenocyprididae", "Cypriniformes", 20, "carp", 0.31,
                {"grey": ((0.20, 0.22, 0.20), (0.46, 0.48, 0.44), (0.80, 0.79, 0.74)), "silver": ((0.30, 0.33, 0.31), (0.62, 0.64, 0.61), (0.88, 0.87, 0.83))},
                ("forked", 0.26, 0.17), ((0.50, 0.60, 0.13, "soft"),), ((0.66, 0.80, 0.08, "soft"),), (0.34, 0.34, 0.32),
                (("blotches", 26, 0.055, _DARK, 0.5),), (0.013, 0.14), (0.023, 0.115, -0.22), head=0.34, mouth=(0.18, 0.09)),
        Species("Black Spotted Barb", "Dawkinsia", "filamentosa", "Cyprinidae", "Cypriniformes", 20, "carp", 0.355,
                {"silver": ((0.42, 0.46, 0.38), (0.76, 0.77, 0.70), (0.92, 0.91, 0.87)), "yellow": ((0.40, 0.40, 0.16), (0.78, 0.70, 0.32), (0.92, 0.87, 0.66))},
                ("forked", 0.30, 0.17), ((0.44, 0.57, 0.17, "soft"),), ((0.68, 0.78, 0.09, "soft"),), (0.72, 0.52, 0.30),
                (("spot", 0.79, 0.05, 0.055, _INK, 0.9),), (0.040, 0.40), (0.036, 0.10, 0.20), iris=(0.85, 0.72, 0.40)),
        Species("Catfish", "Clarias", "batrachus", "Clariidae", "Siluriformes", 31, "catfish", 0.17,
                {"black": ((0.10, 0.11, 0.11), (0.20, 0.20, 0.19), (0.60, 0.57, 0.52)), "brown": ((0.25, 0.20, 0.12), (0.44, 0.35, 0.20), (0.76, 0.69, 0.52)), "grey": _DUSK},
                ("rounded", 0.14, 0.075), ((0.32, 0.97, 0.055, "even"),), ((0.50, 0.97, 0.045, "even"),), (0.20, 0.18, 0.15),
                (("mottle", 0.30),), (0.0, 0.0), (0.012, 0.10, 0.30), head=0.23, mouth=(-0.15, 0.05), barbels=4, bend=0.55, gloss=0.55),
        Species("Climbing Perch", "Anabas", "testudineus", "Anabantidae", "Anabantiformes", 13, "perch", 0.32,
                {"green": ((0.17, 0.22, 0.14), (0.36, 0.40, 0.24), (0.70, 0.66, 0.42)), "brown": ((0.25, 0.20, 0.13), (0.48, 0.38, 0.24), (0.75, 0.62, 0.42)), "grey": _DUSK},
                ("rounded", 0.22, 0.14), ((0.32, 0.74, 0.075, "spiny"), (0.74, 0.92, 0.11, "round")), ((0.56, 0.78, 0.06, "spiny"), (0.78, 0.92, 0.10, "round")),
                (0.36, 0.33, 0.24), (("bars", 9, _DARK, 0.25, 0.4), ("spot", 0.97, 0.0, 0.035, _INK, 0.8), ("spot", 0.29, 0.1, 0.022, _INK, 0.6)),
                (0.042, 0.36), (0.032, 0.09, 0.25), (0.75, 0.45, 0.22), 0.29, (-0.05, 0.07)),
        Species("Fourfinger Threadfin", "Eleutheronema", "tetradactylum", "Polynemidae", "Carangiformes", 19, "torpedo", 0.26,
                {"silver": ((0.42, 0.45, 0.40), (0.78, 0.79, 0.74), (0.93, 0.92, 0.88))}, ("forked", 0.36, 0.24),
                ((0.30, 0.41, 0.14, "soft"), (0.60, 0.75, 0.13, "soft")), ((0.60, 0.75, 0.12, "soft"),), (0.64, 0.62, 0.46), scales=(0.020, 0.14),
                eye=(0.034, 0.055, 0.30), iris=(0.86, 0.80, 0.55), mouth=(-0.55, 0.10), filaments="pectoral", gloss=0.45),
        Species("Freshwater Eel", "Anguilla", "marmorata", "Anguillidae", "Anguilliformes", 27, "eel", 0.062,
                {"brown": ((0.27, 0.20, 0.10), (0.44, 0.34, 0.18), (0.82, 0.74, 0.54)), "green": ((0.17, 0.19, 0.11), (0.33, 0.34, 0.19), (0.78, 0.75, 0.58)), "black": ((0.09, 0.09, 0.09), (0.20, 0.19, 0.17), (0.62, 0.58, 0.50))},
                ("pointed", 0.035, 0.022), ((0.33, 1.0, 0.020, "even"),), ((0.46, 1.0, 0.018, "even"),), (0.28, 0.24, 0.15),
                (("mottle", 0.45),), (0.0, 0.0), (0.0075, 0.045, 0.35), head=0.13, mouth=(-0.1, 0.05), pectoral=0.045, pelvic=0, bend=0.48, gloss=0.7),
        Species("Glass Perchlet", "Ambassis", "ambassis", "Ambassidae", "Mugiliformes", 40, "perch", 0.36,
                {"silver": ((0.64, 0.68, 0.58), (0.82, 0.83, 0.76), (0.90, 0.90, 0.88)), "yellow": ((0.62, 0.58, 0.36), (0.84, 0.79, 0.55), (0.92, 0.90, 0.80))},
                ("forked", 0.31, 0.18), ((0.34, 0.52, 0.17, "spiny"), (0.53, 0.76, 0.11, "soft")), ((0.54, 0.76, 0.11, "soft"),), (0.80, 0.79, 0.68),
                (("stripe", 0.06, 0.05, (0.92, 0.93, 0.94), 0.85), ("bones", 0.28)), (0.0, 0.0), (0.050, 0.10, 0.22), (0.90, 0.88, 0.72), 0.30, (0.05, 0.07), glass=0.80),
        Species("Goby", "Glossogobius", "giuris", "Gobiidae", "Gobiiformes", 61, "goby", 0.18, {"brown": _MUD, "yellow": ((0.40, 0.33, 0.17), (0.66, 0.57, 0.34), (0.87, 0.82, 0.66)), "grey": _GREY},
                ("rounded", 0.22, 0.10), ((0.34, 0.50, 0.095, "spiny"), (0.54, 0.80, 0.095, "round")), ((0.56, 0.80, 0.075, "round"),), (0.52, 0.45, 0.32),
                (("saddles", 5, _DARK, 0.45), ("row", 5, 0.0, 0.035, _DARK, 0.55), ("mottle", 0.32)), (0.022, 0.22), (0.021, 0.10, 0.62), (0.60, 0.52, 0.35), 0.30, (-0.05, 0.09),
                0.19, 0.30, bend=0.18),
        Species("Gold Fish", "Carassius", "auratus", "Cyprinidae", "Cypriniformes", 21, "carp", 0.42,
                {"orange": ((0.72, 0.25, 0.06), (0.92, 0.45, 0.12), (0.97, 0.74, 0.42)), "red": ((0.60, 0.11, 0.06), (0.80, 0.20, 0.10), (0.93, 0.58, 0.42)), "white": ((0.80, 0.72, 0.66), (0.92, 0.89, 0.86), (0.95, 0.94, 0.92))},
                ("emarginate", 0.30, 0.20), ((0.38, 0.74, 0.14, "long"),), ((0.72, 0.82, 0.10, "soft"),), (0.92, 0.50, 0.20), (("patches", (0.90, 0.38, 0.10), 0.55),),
                (0.045, 0.22), (0.032, 0.09, 0.22), head=0.28),
        Species("Gourami", "Trichopodus", "trichopterus", "Osphronemidae", "Anabantiformes", 31, "gourami", 0.42,
                {"blue": ((0.24, 0.42, 0.52), (0.46, 0.64, 0.72), (0.72, 0.82, 0.84)), "yellow": ((0.66, 0.52, 0.20), (0.86, 0.74, 0.40), (0.94, 0.87, 0.66)), "silver": ((0.44, 0.47, 0.46), (0.70, 0.73, 0.72), (0.86, 0.87, 0.85))},
                ("emarginate", 0.25, 0.15), ((0.56, 0.72, 0.16, "round"),), ((0.36, 0.97, 0.10, "rise"),), (0.56, 0.64, 0.66),
                (("bars", 14, (0.18, 0.26, 0.34), 0.22, 0.35), ("spot", 0.52, 0.05, 0.034, _INK, 0.9), ("spot", 0.97, 0.05, 0.030, _INK, 0.9), ("finspots", (0.95, 0.88, 0.62))),
                (0.026, 0.12), (0.036, 0.10, 0.20), (0.88, 0.52, 0.22), 0.26, (0.30, 0.04), filaments="pelvic"),
        Species("Grass Carp", "Ctenopharyngodon", "idella", "Xenocyprididae", "Cypriniformes", 122, "carp", 0.27,
                {"green": ((0.27, 0.30, 0.17), (0.55, 0.54, 0.34), (0.84, 0.80, 0.62)), "silver": ((0.38, 0.40, 0.34), (0.70, 0.70, 0.62), (0.90, 0.88, 0.80)), "brown": ((0.32, 0.25, 0.14), (0.56, 0.46, 0.29), (0.84, 0.77, 0.60))},
                ("forked", 0.24, 0.16), ((0.47, 0.57, 0.13, "soft"),), ((0.76, 0.85, 0.09, "soft"),), (0.40, 0.37, 0.30), scales=(0.040, 0.42), eye=(0.022, 0.09, 0.12), head=0.24, mouth=(-0.05, 0.05)),
        Species("Green Spotted Puffer", "Dichotomyctere", "nigroviridis", "Tetraodontidae", "Tetraodontiformes", 12, "puffer", 0.46,
                {"green": ((0.42, 0.56, 0.14), (0.62, 0.72, 0.30), (0.94, 0.94, 0.90)), "yellow": ((0.68, 0.62, 0.14), (0.84, 0.76, 0.30), (0.95, 0.94, 0.88))},
                ("rounded", 0.23, 0.10), ((0.72, 0.80, 0.13, "round"),), ((0.74, 0.81, 0.10, "round"),), (0.74, 0.70, 0.40), (("spots", 34, 0.034, _INK, 0.92, -0.15),),
                (0.0, 0.0), (0.048, 0.17, 0.42), (0.55, 0.75, 0.55), 0.36, (0.05, 0.035), 0.14, 0),
        Species("Indian Carp", "Labeo", "rohita", "Cyprinidae", "Cypriniformes", 26, "carp", 0.32,
                {"grey": ((0.20, 0.20, 0.20), (0.46, 0.44, 0.41), (0.80, 0.76, 0.70)), "brown": ((0.25, 0.20, 0.15), (0.52, 0.42, 0.33), (0.82, 0.74, 0.64)), "silver": ((0.32, 0.33, 0.33), (0.64, 0.62, 0.59), (0.88, 0.85, 0.81))},
                ("forked", 0.27, 0.19), ((0.40, 0.58, 0.16, "soft"),), ((0.74, 0.83, 0.10, "soft"),), (0.34, 0.26, 0.24), scales=(0.036, 0.44), eye=(0.024, 0.09, 0.12), iris=(0.72, 0.42, 0.24), head=0.25, mouth=(-0.45, 0.04)),
        Species("Indo-Pacific Tarpon", "Megalops", "cyprinoides", "Megalopidae", "Elopiformes", 19, "torpedo", 0.28, {"silver": ((0.30, 0.38, 0.40), (0.74, 0.77, 0.77), (0.93, 0.93, 0.92))},
                ("forked", 0.33, 0.23), ((0.50, 0.60, 0.15, "thread"),), ((0.70, 0.86, 0.11, "soft"),), (0.46, 0.48, 0.46), scales=(0.050, 0.36),
                eye=(0.044, 0.085, 0.22), iris=(0.84, 0.84, 0.80), mouth=(0.30, 0.11), gloss=0.6),
        Species("Jaguar Gapote", "Parachromis", "managuensis", "Cichlidae", "Cichliformes", 23, "cichlid", 0.41,
                {"grey": ((0.30, 0.30, 0.28), (0.60, 0.58, 0.52), (0.80, 0.78, 0.70)), "yellow": ((0.44, 0.36, 0.14), (0.74, 0.62, 0.30), (0.88, 0.80, 0.58))},
                ("rounded", 0.25, 0.15), ((0.32, 0.74, 0.085, "spiny"), (0.74, 0.90, 0.15, "soft")), ((0.62, 0.76, 0.07, "spiny"), (0.76, 0.90, 0.15, "soft")), (0.38, 0.35, 0.30),
                (("blotches", 90, 0.030, _INK, 0.8), ("row", 6, 0.05, 0.045, _INK, 0.6), ("finspots", _INK)), (0.030, 0.22), (0.033, 0.12, 0.42), (0.70, 0.22, 0.14), 0.35, (0.05, 0.11)),
        Species("Janitor Fish", "Pterygoplichthys", "disjunctivus", "Loricariidae", "Siluriformes", 29, "pleco", 0.20,
                {"brown": ((0.18, 0.13, 0.08), (0.32, 0.24, 0.15), (0.50, 0.42, 0.28)), "black": ((0.07, 0.07, 0.07), (0.15, 0.14, 0.13), (0.34, 0.31, 0.26))},
                ("crescent", 0.32, 0.18), ((0.28, 0.56, 0.20, "sail"), (0.84, 0.89, 0.055, "round")), ((0.70, 0.76, 0.07, "soft"),), (0.26, 0.21, 0.14),
                (("reticule", 0.032, (0.70, 0.62, 0.42), 0.75), ("plates", 24, 0.35), ("finspots", (0.66, 0.58, 0.38))), (0.0, 0.0), (0.018, 0.15, 0.66), (0.55, 0.45, 0.25), 0.30, (-0.8, 0.06), 0.25, 0.46),
        Species("Knifefish", "Chitala", "ornata", "Notopteridae", "Osteoglossiformes", 32, "knife", 0.28, {"silver": ((0.32, 0.34, 0.34), (0.62, 0.64, 0.63), (0.78, 0.78, 0.76)), "grey": _GREY},
                ("pointed", 0.03, 0.02), ((0.56, 0.61, 0.075, "round"),), ((0.26, 1.0, 0.075, "even"),), (0.42, 0.42, 0.40),
                (("ocelli", 7, -0.45, 0.026, _INK, (0.92, 0.92, 0.88)),), (0.010, 0.08), (0.020, 0.075, 0.10), head=0.20, mouth=(-0.2, 0.10), pectoral=0.11, pelvic=0, gloss=0.42),
        Species("Long-Snouted Pipefish", "Doryichthys", "boaja", "Syngnathidae", "Syngnathiformes", 26, "pipe", 0.045,
                {"brown": ((0.36, 0.27, 0.14), (0.56, 0.45, 0.27), (0.78, 0.70, 0.50)), "green": ((0.22, 0.28, 0.13), (0.42, 0.47, 0.25), (0.72, 0.70, 0.48))},
                ("rounded", 0.06, 0.022), ((0.42, 0.56, 0.035, "even"),), (), (0.62, 0.56, 0.40), (("rings", 42, _DARK, 0.45), ("mottle", 0.2)), (0.0, 0.0), (0.0085, 0.145, 0.15), head=0.18,
                mouth=(0.0, 0.01), pectoral=0.03, pelvic=0, bend=0.55),
        Species("Mosquito Fish", "Gambusia", "affinis", "Poeciliidae", "Cyprinodontiformes", 25, "livebearer", 0.25,
                {"grey": ((0.34, 0.35, 0.28), (0.60, 0.61, 0.53), (0.84, 0.84, 0.80)), "yellow": ((0.48, 0.43, 0.20), (0.74, 0.68, 0.40), (0.88, 0.86, 0.76))},
                ("rounded", 0.26, 0.12), ((0.62, 0.72, 0.12, "round"),), ((0.56, 0.64, 0.11, "soft"),), (0.72, 0.71, 0.62),
                (("reticule", 0.034, (0.30, 0.30, 0.24), 0.30), ("spot", 0.11, -0.35, 0.022, _DARK, 0.45), ("belly", 0.48, -0.35, 0.07, (0.22, 0.20, 0.18))), (0.0, 0.0), (0.038, 0.085, 0.25),
                (0.70, 0.72, 0.66), 0.24, (0.55, 0.03), glass=0.94),
        Species("Mudfish", "Channa", "striata", "Channidae", "Anabantiformes", 19, "snakehead", 0.175, {"brown": _MUD, "grey": _GREY, "black": ((0.11, 0.11, 0.10), (0.24, 0.22, 0.19), (0.66, 0.62, 0.54))},
                ("rounded", 0.20, 0.10), ((0.32, 0.92, 0.075, "even"),), ((0.54, 0.92, 0.060, "even"),), (0.38, 0.33, 0.25),
                (("chevrons", 11, _DARK, 0.45), ("mottle", 0.34)), (0.024, 0.24), (0.018, 0.085, 0.50), (0.58, 0.48, 0.30), 0.30, (-0.05, 0.10), 0.15, 0.34, bend=0.30),
        Species("Mullet", "Mugil", "cephalus", "Mugilidae", "Mugiliformes", 17, "torpedo", 0.24, {"silver": _STEEL, "grey": ((0.25, 0.28, 0.29), (0.58, 0.60, 0.59), (0.86, 0.86, 0.83))},
                ("emarginate", 0.24, 0.16), ((0.48, 0.57, 0.11, "spiny"), (0.74, 0.83, 0.10, "soft")), ((0.72, 0.82, 0.10, "soft"),), (0.52, 0.53, 0.48),
                (("lines", 7, (0.22, 0.26, 0.27), 0.45),), (0.034, 0.26), (0.027, 0.08, 0.22), mouth=(-0.10, 0.03)),
        Species("Pangasius", "Pangasianodon", "hypophthalmus", "Pangasiidae", "Siluriformes", 19, "shark", 0.25, {"grey": ((0.20, 0.23, 0.25), (0.50, 0.53, 0.54), (0.88, 0.88, 0.86)), "silver": ((0.34, 0.38, 0.40), (0.68, 0.71, 0.71), (0.92, 0.92, 0.90))},
                ("forked", 0.26, 0.17), ((0.34, 0.42, 0.15, "soft"), (0.82, 0.86, 0.035, "round")), ((0.62, 0.85, 0.09, "long"),), (0.30, 0.31, 0.32),
                (("stripe", 0.12, 0.07, (0.16, 0.19, 0.22), 0.35),), (0.0, 0.0), (0.024, 0.075, -0.20), head=0.21, mouth=(-0.35, 0.05), barbels=2, gloss=0.5),
        Species("Perch", "Perca", "fluviatilis", "Percidae", "Perciformes", 29, "perch", 0.30,
                {"green": ((0.18, 0.23, 0.12), (0.46, 0.48, 0.24), (0.86, 0.83, 0.70)), "yellow": ((0.34, 0.30, 0.10), (0.68, 0.58, 0.24), (0.90, 0.84, 0.66))},
                ("forked", 0.21, 0.14), ((0.30, 0.60, 0.12, "spiny"), (0.63, 0.82, 0.10, "soft")), ((0.68, 0.80, 0.10, "soft"),), (0.82, 0.34, 0.14), (("bars", 7, (0.07, 0.10, 0.06), 0.65, 0.45),),
                (0.020, 0.20), (0.027, 0.09, 0.30), (0.82, 0.66, 0.30), 0.29, (-0.10, 0.09)),
        Species("Scat Fish", "Scatophagus", "argus", "Scatophagidae", "Acanthuriformes", 15, "disc", 0.60,
                {"green": ((0.38, 0.42, 0.24), (0.60, 0.63, 0.44), (0.84, 0.84, 0.76)), "brown": ((0.44, 0.33, 0.22), (0.64, 0.52, 0.38), (0.84, 0.78, 0.68)), "silver": ((0.46, 0.50, 0.48), (0.70, 0.73, 0.70), (0.88, 0.89, 0.87))},
                ("truncate", 0.20, 0.14), ((0.34, 0.68, 0.10, "spiny"), (0.68, 0.94, 0.12, "round")), ((0.62, 0.72, 0.07, "spiny"), (0.72, 0.94, 0.12, "round")), (0.48, 0.45, 0.32),
                (("spots", 60, 0.022, _INK, 0.85, -0.6),), (0.014, 0.10), (0.040, 0.10, 0.18), head=0.27, mouth=(-0.10, 0.03)),
        Species("Silver Barb", "Barbonymus", "gonionotus", "Cyprinidae", "Cypriniformes", 33, "carp", 0.385,
                {"silver": ((0.40, 0.45, 0.42), (0.76, 0.78, 0.74), (0.93, 0.92, 0.89)), "yellow": ((0.46, 0.42, 0.22), (0.78, 0.72, 0.46), (0.93, 0.89, 0.74))},
                ("forked", 0.31, 0.20), ((0.44, 0.58, 0.19, "soft"),), ((0.70, 0.82, 0.10, "soft"),), (0.78, 0.44, 0.22), scales=(0.040, 0.38), eye=(0.034, 0.09, 0.18), head=0.22),
        Species("Silver Carp", "Hypophthalmichthys", "molitrix", "Xenocyprididae", "Cypriniformes", 24, "carp", 0.32,
                {"silver": ((0.36, 0.40, 0.38), (0.72, 0.74, 0.72), (0.92, 0.91, 0.88)), "grey": ((0.26, 0.29, 0.28), (0.56, 0.57, 0.54), (0.85, 0.84, 0.80))},
                ("forked", 0.28, 0.19), ((0.48, 0.58, 0.13, "soft"),), ((0.66, 0.80, 0.09, "soft"),), (0.42, 0.36, 0.34), scales=(0.013, 0.14), eye=(0.023, 0.105, -0.20), head=0.29, mouth=(0.15, 0.07), gloss=0.42),
        Species("Silver Perch", "Leiopotherapon", "plumbeus", "Terapontidae", "Centrarchiformes", 28, "perch", 0.33,
                {"silver": ((0.36, 0.39, 0.38), (0.68, 0.70, 0.66), (0.88, 0.88, 0.84)), "grey": ((0.22, 0.24, 0.24), (0.46, 0.47, 0.44), (0.78, 0.77, 0.71)), "yellow": ((0.40, 0.37, 0.18), (0.68, 0.62, 0.36), (0.88, 0.84, 0.66))},
                ("emarginate", 0.22, 0.14), ((0.33, 0.62, 0.10, "spiny"), (0.63, 0.82, 0.11, "soft")), ((0.66, 0.80, 0.10, "soft"),), (0.46, 0.44, 0.36),
                (("lines", 5, (0.20, 0.20, 0.16), 0.25),), (0.020, 0.24), (0.033, 0.095, 0.28), (0.80, 0.76, 0.60), 0.28, (-0.10, 0.06)),
        Species("Snakehead", "Channa", "argus", "Channidae", "Anabantiformes", 23, "snakehead", 0.165, {"brown": ((0.25, 0.21, 0.13), (0.47, 0.39, 0.25), (0.76, 0.70, 0.55)), "green": _OLIVE, "black": ((0.12, 0.12, 0.11), (0.27, 0.25, 0.21), (0.60, 0.56, 0.48))},
                ("rounded", 0.18, 0.09), ((0.31, 0.93, 0.070, "even"),), ((0.50, 0.93, 0.055, "even"),), (0.30, 0.26, 0.19),
                (("saddles", 7, _INK, 0.7), ("row", 9, -0.22, 0.050, _INK, 0.75), ("mottle", 0.28)), (0.020, 0.22), (0.017, 0.085, 0.50), (0.62, 0.50, 0.28), 0.29, (-0.05, 0.11), 0.15, 0.33, bend=0.32),
        Species("Tenpounder", "Elops", "hawaiensis", "Elopidae", "Elopiformes", 28, "torpedo", 0.19, {"silver": ((0.32, 0.40, 0.44), (0.74, 0.78, 0.79), (0.93, 0.94, 0.93)), "grey": ((0.24, 0.30, 0.32), (0.58, 0.61, 0.61), (0.86, 0.86, 0.84))},
                ("forked", 0.32, 0.19), ((0.50, 0.61, 0.12, "soft"),), ((0.78, 0.87, 0.06, "soft"),), (0.50, 0.52, 0.48), scales=(0.014, 0.12), eye=(0.032, 0.10, 0.20), mouth=(-0.10, 0.10), head=0.27, gloss=0.5),
        Species("Tilapia", "Oreochromis", "niloticus", "Cichlidae", "Cichliformes", 29, "cichlid", 0.42,
                {"grey": ((0.24, 0.25, 0.25), (0.52, 0.52, 0.49), (0.80, 0.78, 0.74)), "pink": ((0.70, 0.42, 0.36), (0.88, 0.63, 0.56), (0.94, 0.83, 0.78)), "silver": ((0.40, 0.42, 0.40), (0.68, 0.69, 0.66), (0.88, 0.87, 0.84)), "black": ((0.09, 0.09, 0.10), (0.22, 0.22, 0.22), (0.50, 0.48, 0.46))},
                ("truncate", 0.23, 0.15), ((0.31, 0.74, 0.095, "spiny"), (0.74, 0.91, 0.15, "soft")), ((0.64, 0.76, 0.07, "spiny"), (0.76, 0.90, 0.14, "soft")), (0.42, 0.38, 0.36),
                (("bars", 8, _DARK, 0.24, 0.45), ("tailbars", _DARK)), (0.038, 0.32), (0.029, 0.10, 0.36), head=0.31, mouth=(-0.05, 0.06)),
    )
}  # fmt: skip
LOOK_ALIKE = (
    ("Mudfish", "Goby"),
    ("Mudfish", "Snakehead"),
    ("Big Head Carp", "Silver Carp"),
    ("Bangus", "Tenpounder"),
    ("Grass Carp", "Indian Carp"),
    ("Silver Barb", "Black Spotted Barb"),
)
TAXONOMY = {s.name: {"species": s.name, "genus": s.genus, "family": s.family, "order": s.order} for s in SPECIES.values()}  # fmt: skip


def known(name: str) -> Species:
    """The species of a name.

    Raises:
        ValueError: unknown species; the message lists the known ones.
    """
    if name not in SPECIES:
        raise ValueError(f"unknown species '{name}'; known: {', '.join(SPECIES)}")
    return SPECIES[name]


def rolled_up(name: str, rank: str) -> str:
    """The taxon of a species at a rank: ``rolled_up("Mudfish", "genus") == "Channa"``.

    Raises:
        ValueError: unknown species or rank; the message lists the known ones.
    """
    known(name)
    if rank not in RANKS:
        raise ValueError(f"unknown rank '{rank}'; known: {', '.join(RANKS)}")
    return TAXONOMY[name][rank]
