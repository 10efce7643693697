//! Icons of file types and of the documentation: `%ICON{"pdf"}%`.

use super::{Scope, attributes::Attributes};

/// Icons that are shipped with the documentation, by name.
const ICONS: &str = " ada adn aiff air ani app application arrowbright arrowdot arrowdown arrowleft arrowright arrowup arrowx as attachfile \
    attachmini au avi bat bin blank bmp bmptopng bpm browse bug bullet bz2 c calendar cfg changes chm choice-cancel choice-no choice-yes \
    class close cmd com compress conf cpp css csv cursor days delete devtopic diff dir dll doc docs docx download dtd dvi edittopic \
    else empty eps exe feed file flag flv folder forward gif go_end go_fb go_ff go_forward go_prev go_start gz h hdtopic help hourglass \
    htm html ico image indexlist info inf ini jar java jpeg jpg js key led-aqua led-blue led-box-blue led-box-green led-box-red led-gray \
    led-green led-orange led-purple led-red led-yellow lighttpd list locktopic log ltr mail makefile mdb mid minus mov mp3 mpeg mpg \
    new newtopic note notopic odc odf odg odp ods odt ogg org parenttopic pdf pencil person persons pl plus png pps ppt pptx printtopic \
    processing ps psd py question ram raw rb reg rm rss rtf rtl script searchtopic sh shtml skull software sql stargold starred \
    statistics stop svg swf sxc tar target tgz tif tiff time tip todo trash trend ttf txt undo updated vbs viewtopic vsd warning watch \
    wav web-bg wikiguest wma wmf wmv wri xls xlsx xml xsd xsl zip ";

/// The icon for what has none.
const OTHER: &str = "else";

/// `%ICON{"pdf"}%`: an image.
pub(super) fn icon(scope: &mut Scope, attributes: &Attributes) -> String {
    let name = attributes.default().unwrap_or_default();
    let alt = attributes.get("alt").unwrap_or(name);
    let url = path(scope, name, attributes.get("default"));
    format!("<span class='foswikiIcon'><img src='{url}' width='16' height='16' alt='{alt}' /></span>")
}

/// `%ICONURL{"pdf"}%`
pub(super) fn icon_url(scope: &mut Scope, attributes: &Attributes) -> String {
    format!("{}{}", scope.page.settings.url_host, icon_url_path(scope, attributes))
}

/// `%ICONURLPATH{"pdf"}%`
pub(super) fn icon_url_path(scope: &mut Scope, attributes: &Attributes) -> String {
    path(scope, attributes.default().unwrap_or_default(), attributes.get("default"))
}

/// The URL path of the icon that a name, or the end of a file name, has.
fn path(scope: &Scope, name: &str, default: Option<&str>) -> String {
    let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let known = |name: &str| !name.is_empty() && !name.contains(' ') && ICONS.contains(&format!(" {name} "));
    let file = if known(name) {
        name
    } else if known(&ending) {
        &ending
    } else {
        default.filter(|name| known(name)).unwrap_or(OTHER)
    };
    let settings = scope.page.settings;
    format!("{}/{}/DocumentGraphics/{file}.png", settings.pub_url_path, settings.system_web)
}
