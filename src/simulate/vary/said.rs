//! Scenarios that differ in one setting, in the same words: no value of it is told as if it held for all.

/// A paragraph that holds for all, of one for each value.
pub(super) fn of_all(texts: &[&str], label: &str) -> String {
    let words: Vec<Vec<_>> = texts.iter().map(|text| text.split(' ').collect()).collect();
    let Some(first) = words.first() else { return String::new() };
    if words.iter().any(|other| other.len() != first.len()) {
        return clauses(texts, label);
    }
    let differ = |place: usize| words.iter().any(|other| other[place] != first[place]);
    let mut told = Vec::new();
    let mut place = 0;
    while place < first.len() {
        if !differ(place) {
            told.push(first[place].to_owned());
            place += 1;
            continue;
        }
        let end = (place..first.len()).find(|place| !differ(*place)).unwrap_or(first.len());
        told.push(either(words.iter().map(|words| words[place..end].join(" "))));
        place = end;
    }
    told.join(" ")
}

/// What all have in common, where one says something of which another says nothing.
fn clauses(texts: &[&str], label: &str) -> String {
    let of = |text: &str| text.trim_end_matches('.').split("; ").map(str::to_owned).collect::<Vec<_>>();
    let all: Vec<_> = texts.iter().map(|text| of(text)).collect();
    let mut common = all.first().cloned().unwrap_or_default();
    common.retain(|clause| all.iter().all(|clauses| clauses.contains(clause)));
    common.push(format!("{label} is varied"));
    format!("{}.", common.join("; "))
}

/// 1, 2 or 3, with what ends all of them said once.
fn either(variants: impl Iterator<Item = String>) -> String {
    let mut distinct: Vec<String> = Vec::new();
    variants.for_each(|variant| {
        if !distinct.contains(&variant) {
            distinct.push(variant);
        }
    });
    let stop = distinct.first().and_then(|first| first.chars().last()).filter(|last| ".,;:".contains(*last));
    let stop = stop.filter(|stop| distinct.iter().all(|variant| variant.ends_with(*stop)));
    let bare: Vec<_> =
        distinct.iter().map(|variant| stop.map_or(&**variant, |stop| variant.trim_end_matches(stop))).collect();
    let told = match &bare[..] {
        [before @ .., last] if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        all => all.concat(),
    };
    told + &stop.map(String::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_differs_is_told_with_the_others() {
        let texts = ["The service: 1 slot, shared; 20 ms each.", "The service: 2 slots, shared; 20 ms each."];
        assert_eq!(of_all(&texts, "slots"), "The service: 1 slot or 2 slots, shared; 20 ms each.");
        assert_eq!(of_all(&["a 1; b 5.", "a 2; b 5.", "a 3; b 5."], "a"), "a 1, 2 or 3; b 5.");
        assert_eq!(of_all(&["the same.", "the same."], "x"), "the same.");
    }

    #[test]
    fn what_only_some_have_is_not_told_of_all() {
        let texts = ["2 slots; 20 ms each.", "2 slots; 20 ms each; 10 % fail."];
        assert_eq!(of_all(&texts, "error-rate"), "2 slots; 20 ms each; error-rate is varied.");
    }
}
