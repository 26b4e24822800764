//! R06xx: sub-recipes and their arguments.

use super::pages;

pages! {
    UseSyntax in Recipe {
        what: "`recipe:` of a `use` does not name a sub-recipe with its version.",
        why: "`name@major` says which contract the author has read. The file is `<name>.recipe.yaml` beside this one.",
        wrong: "- use: { id: feed, recipe: feed-cannula, with: { lane: 2 } }",
        right: "- use: { id: feed, recipe: feed-cannula@1, with: { lane: 2 } }",
    }
    UseVersion in Recipe {
        what: "The sub-recipe is there in another major version.",
        why: "A new major version says that its arguments or what it does have changed. Look at what changed, then name it.",
        wrong: "- use: { id: feed, recipe: feed-cannula@2, with: { lane: 2 } }",
        right: "- use: { id: feed, recipe: feed-cannula@1, with: { lane: 2 } }",
    }
    UseCycle in Operation, before "  - feed: { id: push," {
        what: "A sub-recipe uses itself, directly or by others.",
        why: "It would unfold without end. What is to be done several times stands there several times.",
        wrong: "  - use: { id: again, recipe: feed-cannula@1, with: { lane: 2 } }",
        right: "  - check: { id: ready, station: load, that: lane_part_ready }",
    }
    UseArgument in Recipe {
        what: "`with:` gives an argument that the sub-recipe does not have.",
        why: "It would be ignored. The parameters of the sub-recipe stand under its `params:`.",
        wrong: "with: { lane: 2, speed: 3 }",
        right: "with: { lane: 2 }",
    }
    UseMissing in Recipe {
        what: "A parameter of the sub-recipe has no default, and `with:` does not give it.",
        why: "A parameter without a default is a question to whoever uses it.",
        wrong: "- use: { id: feed, recipe: feed-cannula@1 }",
        right: "- use: { id: feed, recipe: feed-cannula@1, with: { lane: 2 } }",
    }
    UseIdentity in Operation {
        what: "The file of a sub-recipe says another `id` than its name.",
        why: "A copied file kept the id of its original; the record would name the wrong one.",
        wrong: "id: feed-hub\n",
        right: "id: feed-cannula\n",
    }
    UseAlone in Recipe {
        what: "A sub-recipe was given where a recipe is expected.",
        why: "A sub-recipe lists the components that its user declares, and cannot be checked without them: give the recipe \
            that uses it, both are checked together. In a recipe, `components:` is a mapping with part numbers.",
        wrong: "components: [hub, cannula, cap]\n",
        right: "components:
  hub:     { part: HUB-23, identify: per-unit }
  cannula: { part: $cannula, identify: per-lot, source: lane_2 }
  cap:     { part: CAP-07, identify: per-lot, source: cap_tray }
",
    }
    UseComponents in Operation {
        what: "`components:` of a sub-recipe lists one that none of its steps handles, or does not list one that they handle.",
        why: "A warning: who uses a sub-recipe reads there which of the components it puts in or scans.",
        wrong: "components: [cannula, cap]",
        right: "components: [cannula]",
    }
}
