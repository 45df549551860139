//! The list fields of the oracle: image ids of EC2 and the members of `resources`.

use super::json::Json;
use super::{at, text_at, value_text};

/// Returns the values of `ec2.imageids`: all, or those of one index.
pub fn image_ids(event: &Json, index: Option<usize>) -> Vec<String> {
    let arrays = ["responseElements.instancesSet.items", "requestParameters.instancesSet.items"];
    let array = arrays.iter().find_map(|path| at(event, path)?.items());
    if let Some(items) = array {
        return members(items, &["imageId"], index);
    }
    let paths = [
        "requestParameters.imageId",
        "requestParameters.DescribeFastLaunchImagesRequest.ImageId.content",
        "requestParameters.launchSpecification.imageId",
    ];
    let single = paths.iter().find_map(|path| text_at(event, path));
    single.filter(|_| index.unwrap_or(0) == 0).into_iter().collect()
}

/// Returns the first of the named members of every item of `resources`, or of one item.
pub fn resources(event: &Json, names: &[&str], index: Option<usize>) -> Vec<String> {
    let items = event.member("resources").and_then(Json::items).unwrap_or_default();
    members(items, names, index)
}

// silent for `resources`: the index counts the items as it does for `ec2.imageids`, and items
// without the member are left out of the list.
fn members(items: &[Json], names: &[&str], index: Option<usize>) -> Vec<String> {
    let member = |item: &Json| names.iter().find_map(|name| value_text(item.member(name)?));
    match index {
        Some(index) => items.get(index).and_then(member).into_iter().collect(),
        None => items.iter().filter_map(member).collect(),
    }
}
