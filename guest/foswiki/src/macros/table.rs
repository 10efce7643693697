//! Which macros there are.

use super::{
    Scope, attributes::Attributes, basic, icon, include, lists, meta, query, search, sections, text, time,
    url, users, zones,
};

/// What a macro gives; it is expanded again.
pub(super) type Macro = fn(&mut Scope, &Attributes) -> String;

/// Finds a macro by its name.
pub(super) fn find(name: &str) -> Option<Macro> {
    MACROS.binary_search_by(|(known, _)| (*known).cmp(name)).ok().map(|at| MACROS[at].1)
}

/// By name.
const MACROS: [(&str, Macro); 89] = [
    ("ADDTOHEAD", zones::add_to_head),
    ("ADDTOZONE", zones::add_to_zone),
    ("ATTACHURL", url::attach_url),
    ("ATTACHURLPATH", url::attach_url_path),
    ("AUTHREALM", basic::auth_realm),
    ("CHARSET", basic::charset),
    ("DATE", time::date),
    ("DECODE", text::decode),
    ("DEFAULTURLHOST", basic::url_host),
    ("DISPLAYTIME", time::gm_time),
    ("ENCODE", text::encode),
    ("ENDINCLUDE", basic::nothing),
    ("ENDSECTION", sections::marker),
    ("ENDTAB", basic::nothing),
    ("ENV", basic::nothing),
    ("EXPAND", text::expand),
    ("FORMAT", lists::format),
    ("FORMFIELD", meta::form_field),
    ("GMTIME", time::gm_time),
    ("GROUPINFO", users::group_info),
    ("GROUPS", users::groups),
    ("HOMETOPIC", basic::home_topic),
    ("HTTP", basic::nothing),
    ("HTTPS", basic::nothing),
    ("HTTP_HOST", basic::http_host),
    ("ICON", icon::icon),
    ("ICONURL", icon::icon_url),
    ("ICONURLPATH", icon::icon_url_path),
    ("IF", query::condition),
    ("INCLUDE", include::include),
    ("LANG", basic::language),
    ("LANGUAGE", basic::language),
    ("LOCALSITEPREFS", basic::site_preferences),
    ("LOGINURL", url::login_url),
    ("LOGOUTURL", url::logout_url),
    ("MAKETEXT", text::make_text),
    ("META", meta::meta),
    ("NOFOLLOW", basic::no_follow),
    ("NONCE", basic::nothing),
    ("NOP", text::nop),
    ("NOTIFYTOPIC", basic::notify_topic),
    ("PUBURL", url::pub_url),
    ("PUBURLPATH", url::pub_url_path),
    ("QUERY", query::query),
    ("QUERYPARAMS", url::query_params),
    ("QUERYSTRING", url::query_string),
    ("RELATIVETOPICPATH", url::relative_topic_path),
    ("REMOTE_ADDR", basic::nothing),
    ("REMOTE_PORT", basic::nothing),
    ("REMOTE_USER", users::remote_user),
    ("RENDERZONE", zones::render_zone),
    ("REVINFO", meta::revision_info),
    ("SANDBOXWEB", basic::sandbox_web),
    ("SCRIPTNAME", basic::script_name),
    ("SCRIPTSUFFIX", basic::nothing),
    ("SCRIPTURL", url::script_url),
    ("SCRIPTURLPATH", url::script_url_path),
    ("SEARCH", search::search),
    ("SERVERTIME", time::server_time),
    ("SESSIONID", basic::nothing),
    ("SESSIONVAR", basic::nothing),
    ("SESSION_VARIABLE", basic::nothing),
    ("SET", text::set),
    ("SPACEOUT", text::space_out),
    ("STARTINCLUDE", sections::marker),
    ("STARTSECTION", sections::marker),
    ("STATISTICSTOPIC", basic::statistics_topic),
    ("STOPINCLUDE", sections::marker),
    ("SYSTEMWEB", basic::system_web),
    ("TMPL:P", basic::nothing),
    ("TOPICLIST", lists::topic_list),
    ("TOPICURL", url::topic_url),
    ("TRASHWEB", basic::trash_web),
    ("URLENCODE", text::encode),
    ("URLPARAM", url::url_param),
    ("USERINFO", users::user_info),
    ("USERNAME", users::user_name),
    ("USERSWEB", basic::users_web),
    ("VAR", text::variable),
    ("WEBLIST", lists::web_list),
    ("WEBPREFSTOPIC", basic::web_preferences_topic),
    ("WIKIADMINLOGIN", basic::admin_login),
    ("WIKINAME", users::wiki_name),
    ("WIKIPREFSTOPIC", basic::preferences_topic),
    ("WIKIUSERNAME", users::wiki_user_name),
    ("WIKIUSERSTOPIC", basic::users_topic),
    ("WIKIVERSION", basic::version),
    ("WIKIWEBMASTER", basic::nothing),
    ("WIKIWEBMASTERNAME", basic::webmaster),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(MACROS.is_sorted_by(|(a, _), (b, _)| a < b));
    }
}
