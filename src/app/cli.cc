#include "app/cli.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>
#include <sstream>
#include <string_view>

#include "app/command_socket.h"
#include "app/commands.h"
#include "app/paths.h"
#include "app/report.h"
#include "base/json.h"
#include "base/log.h"
#include "base/number.h"
#include "base/utf8.h"

namespace mimeme {
namespace {

constexpr const char* kFooter =
    R"(Exit status: 0 done or found, 1 nothing found, 2 wrong usage, 3 done but for some files
(each is named) or stopped by Ctrl-C, 4 failed.

  mimeme add ~/Pictures/memes     index a folder; again: only what is new, changed or gone
  mimeme similar query.jpg        what looks like this?
  mimeme search "when you see it" what says, shows or is called that?
  mimeme COMMAND --help           more about a command)";

constexpr const char* kQueryHelp =
    R"(  batman robin                the more of the words, the better; other forms, parts of words,
                              one wrong letter and misread letters count too
  "'you shall not pass'"      a phrase: "…" inside the shell's '…'
  batman -robin               without this word
  category:drake type:png     of this category, of this type; -category:… -type:…: not of it
  width>=800 bytes<1MB        also height; = < > <= >=
  after:2024-05 before:2025   when it was added to the library

A query that begins with "-": mimeme search -- "-robin batman".)";

constexpr const char* kDuplicatesHelp =
    R"(Two images are the same picture if one is the other saved again, resized or edited, and each
shows at least half of what the other does. The best copy has the most pixels; of as many, its
format loses nothing (PNG, TIFF) or it has the most bytes; then it is the one that was added first.
No file is touched, and nothing is decided for you:

  mimeme duplicates                 list the groups; exit status 1 if there are none
  mimeme remove 7                   forget a copy; its file stays, for you to delete
  mimeme duplicates --not 7 12      they only look alike: never list them together again
  mimeme duplicates --json | jq -r '.groups[].images[1:][].paths[]'    files beside the best copies

Each image is compared with its nearest, some 20 ms for each and core: a while for many thousands.
`mimeme serve` remembers that as long as it runs. Pictures whose details `mimeme add` has not
learnt yet (--no-words) are only known to be the same if they hardly differ.)";

constexpr const char* kFamiliesHelp =
    R"(A family is what you call by one name: a template and all that was made of it. This lists those
that have a name, then groups of images that are of one template and lack one. A group has two
different pictures at least; "?" stands where an image has no name.

  mimeme families                             list them; exit status 1 if there are none
  mimeme families --name "Success Kid" 12     name the whole group that image 12 is in
  mimeme search 'category:"Success Kid"'      look at it
  mimeme families --json | jq -r '.unnamed[] | [.name, .images[0].paths[0]] | @tsv'

Who has a category of their own keeps it. Whatever else looks alike gets the name as a suggestion:
`mimeme suggestions`. `mimeme category` names one image, or takes its name away.

The images are compared as for `mimeme duplicates`, which takes as long.)";

// What options take. CLI11's own checks name a bound in 300 digits, and let NaN pass.
//
// REQUIRES: given to transform(), not check(): the text is put in plain decimal, because CLI11
// would read 010 as octal.
template <typename T>
CLI::Validator whole_number(T least, T most = std::numeric_limits<T>::max()) {
  return {[=](std::string& text) -> std::string {
            T n = 0;
            const char* const end = text.data() + text.size();
            const auto [stop, error] = std::from_chars(text.data(), end, n);
            if (error == std::errc() && stop == end && n >= least && n <= most) {
              text = std::to_string(n);
              return "";
            }
            const bool open_ended =
                most == std::numeric_limits<T>::max() && error != std::errc::result_out_of_range;
            return open_ended
                       ? fmt::format("{} is not a whole number above {}", text, least - 1)
                       : fmt::format("{} is not a whole number from {} to {}", text, least, most);
          },
          ""};
}

CLI::Validator share() {
  return {[](const std::string& text) -> std::string {
            const auto n = parse_number<double>(text);
            if (n && *n >= 0 && *n <= 1) return "";
            return text + " is not a number from 0 to 1";
          },
          ""};
}

// Where a command runs if a server holds the library: there, or in its own process all the same.
// Those either use no library or find it locked: a server keeps its models loaded, so what may
// change the library's model does not go beside it.
enum class Beside { kInServer, kHere };

struct Run {
  std::function<Result<ExitCode>(const Context&)> run;
  Beside beside = Beside::kInServer;
};

class CommandLine {
 public:
  explicit CommandLine(Run& chosen) : chosen_(chosen) {
    app_.require_subcommand(0, 1);  // none is told below, where it can be told well
    app_.fallthrough();
    app_.footer(kFooter);
    app_.get_formatter()->column_width(34);
    app_.set_version_flag("--version", "mimeme " MIMEME_VERSION);
    app_.add_option("--library", context_.library, "The library's folder (or MIMEME_LIBRARY)")
        ->type_name("DIR")
        ->default_str("");
    app_.add_option(
            "--catalog", context_.catalog,
            "A PostgreSQL server that keeps the catalog (or MIMEME_CATALOG, or mimeme.toml)")
        ->type_name("ADDRESS")
        ->default_str("");
    app_.add_flag("--json", context_.json, "Print the answer as JSON");
    app_.add_flag("-q,--quiet", context_.quiet, "Print no progress and no summary");
    app_.add_flag("-v,--verbose", verbose_, "Log what happens to standard error");
    app_.add_option("--log-format", log_format_, "How to log: text or json, a line each")
        ->type_name("FORMAT")
        ->check(CLI::IsMember({"text", "json"}));
    add_library_commands();
    add_word_commands();
    add_key_commands();
    add_model_commands();
    mention_common_options(app_);
  }

  CLI::App& app() { return app_; }
  // "mimeme pca fit", as far as the command line was understood.
  std::string chosen_command() const {
    std::string name = app_.get_name();
    for (const CLI::App* at = &app_; !at->get_subcommands().empty();) {
      at = at->get_subcommands().front();
      name += " " + at->get_name();
    }
    return name;
  }
  Context& context() { return context_; }
  bool verbose() const { return verbose_; }
  bool logs_json() const { return log_format_ == "json"; }

 private:
  CLI::App* command(CLI::App& parent, const std::string& name, const std::string& help,
                    std::function<Result<ExitCode>(const Context&)> run,
                    Beside beside = Beside::kInServer) {
    CLI::App* sub = parent.add_subcommand(name, help);
    sub->fallthrough();
    sub->callback([this, run = Run{std::move(run), beside}] { chosen_ = run; });
    return sub;
  }

  // CLI11's help shows a command's own options, not those that it takes from above.
  static void mention_common_options(CLI::App& parent) {
    for (CLI::App* sub : parent.get_subcommands({})) {
      sub->footer(sub->get_footer() +
                  "\n\nAlso: --library DIR, --json, --quiet, --verbose (mimeme --help)");
      mention_common_options(*sub);
    }
  }

  static void add_limits(CLI::App* sub, DecodeLimits& limits) {
    sub->add_option("--max-bytes", limits.max_bytes, "Refuse files larger than this")
        ->type_name("N")
        ->capture_default_str()
        ->transform(whole_number<int64_t>(1));
    sub->add_option("--max-pixels", limits.max_pixels, "Refuse pictures with more pixels than this")
        ->type_name("N")
        ->capture_default_str()
        ->transform(whole_number<int64_t>(1));
    sub->add_option("--max-frames", limits.max_frames,
                    "Refuse animations with more frames than this")
        ->type_name("N")
        ->capture_default_str()
        ->transform(whole_number<int>(1));
  }

  // least: the first that may be chosen.
  template <typename Chosen>  // a Scope, or one that may be left out
  static CLI::Option* scope_option(CLI::App* sub, const std::string& name, Scope least,
                                   Chosen& chosen, const std::string& help) {
    const std::vector<std::string> names(std::begin(kScopes) + static_cast<int>(least),
                                         std::end(kScopes));
    return sub
        ->add_option_function<std::string>(
            name,
            [&chosen](const std::string& text) {
              chosen = parse_scope(text).value_or(Scope::kNone);
            },
            help)
        ->type_name("SCOPE")
        ->check(CLI::IsMember(names));
  }

  static void add_embedding(CLI::App* sub, EmbedArguments& arguments) {
    sub->add_option("--threads", arguments.threads,
                    "Threads to decode and to embed with; 0: one for each core")
        ->type_name("N")
        ->capture_default_str()
        ->transform(whole_number(0, 256));
    add_limits(sub, arguments.limits);
  }

  void add_library_commands() {
    CLI::App* sub = command(
        app_, "add", "Index folders and pictures in place, or bring what was added up to date",
        [this](const Context& c) { return add(c, add_); });
    sub->add_option("PATH", add_.paths, "Folders or files; none: every folder added before");
    sub->add_option("--exclude", add_.exclude,
                    "Pass over what matches, as in .gitignore; may be repeated")
        ->type_name("PATTERN")
        ->allow_extra_args(false);
    sub->add_flag("--retry-failed", add_.retry_failed,
                  "Try files again that failed and have not changed");
    sub->add_flag("--no-words", add_.no_words,
                  "Only what search by picture needs; the next add without this reads the words");
    sub->add_flag("--queue", add_.queue,
                  "Leave reading the files to workers (mimeme worker), and wait for them; of a "
                  "library on a server");
    add_embedding(sub, add_);
    sub->footer(
        "Files are never changed, moved or copied. Ctrl-C is safe: what is done is kept, and the "
        "same\n"
        "command goes on from there. Hidden files and folders (\".name\") are passed over. A file\n"
        ".mimemeignore in a folder excludes as .gitignore would.");

    sub = command(app_, "similar", "Find the images that look like a picture",
                  [this](const Context& c) { return similar(c, similar_); });
    sub->add_option("QUERY", similar_.query, "A file, or the id of an image in the library")
        ->required();
    sub->add_option("--limit", similar_.limit, "How many at most")
        ->type_name("N")
        ->capture_default_str()
        ->transform(whole_number(1, 1'000'000));
    sub->add_option("--min", similar_.min_similarity, "Leave out what is less similar; 0..1")
        ->type_name("S")
        ->capture_default_str()
        ->check(share());
    add_limits(sub, similar_.limits);

    sub = command(app_, "search", "Find images by what they say, show, mean or are called",
                  [this](const Context& c) { return search(c, search_); });
    sub->add_option("WORDS", search_.words, "What to look for")->required();
    sub->add_option("--limit", search_.limit, "How many at most")
        ->type_name("N")
        ->capture_default_str()
        ->transform(whole_number(1, 1'000));
    sub->add_option("--min", search_.min_similarity, "Leave out what is less similar; 0..1")
        ->type_name("S")
        ->capture_default_str()
        ->check(share());
    sub->footer(kQueryHelp);

    sub = command(app_, "duplicates", "Find images that are the same picture, the best copy first",
                  [this](const Context& c) { return duplicates(c, duplicates_); });
    sub->add_option("--not", duplicates_.not_same,
                    "Say that these are not the same picture; files or ids")
        ->type_name("ID ID")
        ->type_size(2)
        ->expected(1);
    sub->add_option("--same", duplicates_.same, "Take that back")
        ->type_name("ID ID")
        ->type_size(2)
        ->expected(1);
    sub->footer(kDuplicatesHelp);

    sub = command(app_, "families", "List families, and groups of one template to be named",
                  [this](const Context& c) { return families(c, families_); });
    sub->add_option("IMAGE", families_.image, "With --name: a file or id, of the family to name");
    sub->add_option("--name", families_.name, "Name the family that the image is of")
        ->type_name("NAME");
    sub->footer(kFamiliesHelp);

    sub = command(
        app_, "worker", "Read and embed what others added to a library on a server",
        [this](const Context& c) { return worker(c, worker_); }, Beside::kHere);
    sub->add_flag("--no-words", worker_.no_words, "Only what search by picture needs");
    sub->add_flag("--until-empty", worker_.until_empty,
                  "End when nothing waits any more, instead of waiting for more");
    sub->add_option("--lease", worker_.lease_seconds,
                    "Seconds after which others take over what this one had, if it is killed")
        ->type_name("N")
        ->capture_default_str()
        ->transform(whole_number(4, 3600));
    add_embedding(sub, worker_);
    sub->footer(
        "Any number of workers, on any machines that see the pictures under the same paths, share "
        "what\n"
        "`mimeme add --queue` puts into the library's queue: files first, then the words in each\n"
        "picture, what it shows and what that means. What three had to no end has failed (mimeme\n"
        "status --failed).\n"
        "Beside a server it may use the same --library folder, of which it reads mimeme.toml "
        "only.");

    sub = command(
        app_, "serve", "Answer the HTTP API and the web app",
        [this](const Context& c) { return serve(c, serve_); }, Beside::kHere);
    sub->add_option("--port", serve_.port, "Where to listen; 0: any that is free")
        ->type_name("N")
        ->capture_default_str()
        ->transform(whole_number(0, 65535));
    sub->add_option("--address", serve_.address,
                    "Where to listen: 127.0.0.1 if mimeme.toml says nothing; 0.0.0.0: everywhere")
        ->type_name("ADDRESS");
    sub->add_option("--replica", context_.replica,
                    "A standby of --catalog's server, to answer what is read (or mimeme.toml)")
        ->type_name("ADDRESS");
    scope_option(sub, "--anonymous", Scope::kNone, serve_.anonymous,
                 "What they may do who show no key");
    add_limits(sub, serve_.limits);
    sub->footer(
        "Other commands work meanwhile: the server runs them, and they print where they were "
        "typed.\n"
        "Only `import`, `models use` and a second `serve` need it to have ended.\n"
        "Ctrl-C answers what is in flight, then ends.\n\n"
        "As long as only this machine can reach it, everyone may do everything. With another "
        "--address,\n"
        "or hosts or proxies in mimeme.toml, it takes a key (mimeme keys create); --anonymous says "
        "what\n"
        "may be done without one. There is no TLS here: put a proxy in front of it.");

    sub = command(app_, "remove", "Forget pictures; the files stay",
                  [this](const Context& c) { return remove(c, remove_); });
    sub->add_option("TARGET", remove_.targets, "Files, folders or image ids")->required();
    sub->footer(
        "A forgotten file that lies below an added folder comes back with the next `mimeme add`.");

    sub = command(app_, "status", "Say what the library holds",
                  [this](const Context& c) { return status(c, status_); });
    sub->add_flag("--failed", status_.failed, "Name every file that could not be indexed, and why");

    sub = command(app_, "check", "Verify everything, and mend what is derived",
                  [this](const Context& c) { return check_command(c, check_); });
    sub->add_flag("--originals", check_.read_originals,
                  "Read every original again and compare its bytes (slow)");

    sub = command(app_, "backup", "Copy what cannot be made again, while the library is used",
                  [this](const Context& c) { return backup_command(c, folder_); });
    sub->add_option("FOLDER", folder_, "A folder that is empty or not there yet")->required();
    sub->footer(
        "The catalog as of one moment, the uploads, and mimeme.toml; your own folders of pictures "
        "are\n"
        "yours to back up. The copy is a library itself. To restore, put it where the library "
        "was;\n"
        "elsewhere, `mimeme --library THERE add THERE/uploads` finds the uploads.");

    sub = command(app_, "copy", "Copy the catalog to a PostgreSQL server, or back into a folder",
                  [this](const Context& c) { return copy_command(c, folder_); });
    sub->add_option("TO", folder_, "The address of a server, or a folder that has no library yet")
        ->required();
    sub->footer(
        "Everything that is not derived, in one transaction; then both sides are read and "
        "compared.\n"
        "Pictures stay where they are, uploads too. Afterwards:\n"
        "  mimeme copy postgresql://mimeme@db.example/mimeme\n"
        "  mimeme --library ~/here --catalog postgresql://mimeme@db.example/mimeme serve");

    sub = command(app_, "export", "Write the library as JSON lines and a NumPy array",
                  [this](const Context& c) { return export_command(c, folder_); });
    sub->add_option("FOLDER", folder_, "A folder that is empty or not there yet")->required();
    sub = command(
        app_, "import", "Add what an export holds, without decoding anything",
        [this](const Context& c) { return import_command(c, folder_); }, Beside::kHere);
    sub->add_option("FOLDER", folder_, "What `mimeme export` wrote")->required();
  }

  void add_key_commands() {
    CLI::App* keys = app_.add_subcommand("keys", "Who may use a server of this library");
    keys->require_subcommand(1)->fallthrough();
    CLI::App* sub = command(*keys, "create", "Make a key, and print it once",
                            [this](const Context& c) { return keys_create(c, create_); });
    sub->add_option("NAME", create_.name, "Whose it is, or what for")->required();
    scope_option(sub, "--scope", Scope::kRead, create_.scope,
                 "read: look and search; write: also add, change and delete; admin: also begin "
                 "and stop work")
        ->default_str("read");
    sub->footer(
        "  mimeme keys create alice --scope write\n"
        "  curl -H \"Authorization: Bearer mimeme_…\" https://memes.example/api/v1/status\n\n"
        "Only its SHA-256 is kept. A server that runs knows it at once.");
    command(*keys, "list", "Which there are", [](const Context& c) { return keys_list(c); });
    sub = command(*keys, "revoke", "Take a key back, with all who signed in with it",
                  [this](const Context& c) { return keys_revoke(c, key_); });
    sub->add_option("NAME", key_)->required();
  }

  void add_word_commands() {
    CLI::App* sub =
        command(app_, "describe", "Describe an image in your own words, or say what is known of it",
                [this](const Context& c) { return describe(c, describe_); });
    sub->add_option("IMAGE", describe_.target, "A file, or the id of an image in the library");
    sub->add_option("TEXT", describe_.text,
                    "Your description; \"\" takes it back. None: print what is known");
    sub->add_option("--from", describe_.from,
                    "Many at once: JSON lines {\"image\", \"description\", \"category\"}")
        ->type_name("FILE");
    sub->footer("What you write is never replaced by what a model says.");

    sub = command(app_, "category", "Name the family that an image belongs to",
                  [this](const Context& c) { return category(c, category_); });
    sub->add_option("IMAGE", category_.target, "A file, or the id of an image")->required();
    sub->add_option("NAME", category_.name, "\"Batman Slapping Robin\"; \"\" takes it away")
        ->required();
    sub->footer("Images that look alike get the name as a suggestion.");

    sub = command(app_, "suggestions", "Show and answer suggested categories",
                  [this](const Context& c) { return suggestions(c, suggestions_); });
    sub->add_option("--accept", suggestions_.accept, "Take the suggestion for these images")
        ->type_name("ID");
    sub->add_option("--refuse", suggestions_.refuse, "Never suggest it for these images again")
        ->type_name("ID");
    sub->add_flag("--accept-all", suggestions_.accept_all, "Take every suggestion");
  }

  void add_model_commands() {
    CLI::App* pca = app_.add_subcommand("pca", "Fewer dimensions for faster search in less memory");
    pca->require_subcommand(1)->fallthrough();
    CLI::App* sub =
        command(*pca, "fit", "Fit on all images of the library; nothing is decoded again",
                [this](const Context& c) { return pca_fit(c, fit_); });
    CLI::Option* variance =
        sub->add_option("--variance", fit_.variance, "Keep this share of the variance; 0..1")
            ->type_name("S")
            ->capture_default_str()
            ->check(share());
    sub->add_option("--dim", fit_.dim, "Keep this many dimensions instead")
        ->type_name("N")
        ->transform(whole_number<int>(1))
        ->excludes(variance);
    sub = command(*pca, "show", "The explained-variance curve",
                  [this](const Context& c) { return pca_show(c, show_); });
    sub->add_option("--recall", show_.recall_sample,
                    "Also compare the answers with those of the raw vectors, for N images (reads "
                    "all raw vectors)")
        ->type_name("N")
        ->transform(whole_number<int>(1));

    CLI::App* models = app_.add_subcommand("models", "The models that turn pictures into vectors");
    models->require_subcommand(1)->fallthrough();
    command(
        *models, "list", "Which there are", [](const Context& c) { return models_list(c); },
        Beside::kHere);
    sub = command(
        *models, "show", "All about one",
        [this](const Context& c) { return models_show(c, model_); }, Beside::kHere);
    sub->add_option("NAME", model_)->required();
    sub = command(
        *models, "verify", "Compare files with their checksums",
        [this](const Context& c) { return models_verify(c, model_); }, Beside::kHere);
    sub->add_option("NAME", model_, "None: all");
    sub = command(
        *models, "add", "Add one of your own",
        [this](const Context& c) { return models_add(c, file_, manifest_); }, Beside::kHere);
    sub->add_option("FILE", file_, "An ONNX file")->required();
    sub->add_option("--manifest", manifest_, "Its description; docs/models.md says what it holds")
        ->type_name("FILE")
        ->required();
    sub = command(
        *models, "use", "Embed the whole library with a model, then search with it",
        [this](const Context& c) { return models_use(c, use_); }, Beside::kHere);
    sub->add_option("NAME", use_.name)->required();
    add_embedding(sub, use_);
    sub->footer(
        "The old vectors stay until the new ones are complete. Ctrl-C is safe: the same "
        "command\ngoes on.");

    sub = command(app_, "evaluate", "Measure search quality against known answers",
                  [this](const Context& c) { return evaluate_command(c, evaluate_); });
    sub->add_option("MANIFEST", evaluate_.manifest,
                    "JSON lines: a query and its right answers each")
        ->required();
    sub->add_option(
           "--labels", evaluate_.labels,
           "Name families first, in the library itself: JSON lines, an image and its category each")
        ->type_name("FILE");
    sub->footer("The images that should be found must have been indexed with `mimeme add`.");
  }

  Run& chosen_;
  CLI::App app_{"mimeme: image search for memes, on your own machine", "mimeme"};
  Context context_{.library = default_library(), .model_folders = model_folders()};
  bool verbose_ = false;
  std::string log_format_ = "text";
  AddArguments add_;
  SimilarArguments similar_;
  SearchArguments search_;
  ServeArguments serve_;
  WorkerArguments worker_;
  RemoveArguments remove_;
  StatusArguments status_;
  CheckArguments check_;
  PcaFitArguments fit_;
  PcaShowArguments show_;
  ModelsUseArguments use_;
  DescribeArguments describe_;
  CategoryArguments category_;
  SuggestionsArguments suggestions_;
  EvaluateArguments evaluate_;
  DuplicatesArguments duplicates_;
  FamiliesArguments families_;
  KeysCreateArguments create_;
  std::string folder_, model_, file_, manifest_, key_;
};

ExitCode fail(const Surroundings& to, const Error& error, bool json) {
  if (json)
    fmt::print(to.out, "{}\n", Json(Json::Object{{"error", to_utf8(error.message)}}).dump());
  fmt::print(to.err, "mimeme: {}\n", printable(error.message));
  return exit_code(error.code);
}

// --help, --version.
int explain(const CLI::App& app, const CLI::ParseError& asked, const Surroundings& to) {
  std::ostringstream out;
  const int code = app.exit(asked, out, out);
  fmt::print(to.out, "{}", out.str());
  return code;
}

}  // namespace

int run_cli(int argc, const char* const* argv, const Surroundings& surroundings) {
  Run chosen;
  CommandLine line(chosen);
  Context& context = line.context();
  static_cast<Surroundings&>(context) = surroundings;
  try {
    line.app().parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return explain(line.app(), e, context);
    // Where parsing ended says nothing of whether --json was asked for.
    const char* const* const end = std::find(argv, argv + argc, std::string_view("--"));
    return fail(context,
                {ErrorCode::kInvalidArgument,
                 fmt::format("{}; see `{} --help`", e.what(), line.chosen_command())},
                std::find(argv, end, std::string_view("--json")) != end);
  }
  if (!chosen.run) {
    fmt::print(context.err, "{}\n", line.app().help());
    return fail(context, {ErrorCode::kInvalidArgument, "no command was given"}, context.json);
  }
  if (context.held) {
    context.library = context.held_as;
    if (chosen.beside == Beside::kHere)
      return fail(context, {ErrorCode::kBusy, "a server cannot do this for others"}, context.json);
  } else {
    if (line.verbose()) set_log_level(LogLevel::kDebug);
    if (line.logs_json()) set_log_format(LogFormat::kJson);
  }
  if (context.library.empty())
    return fail(context, {ErrorCode::kInvalidArgument, "--library needs a folder"}, context.json);
  if (!context.held && chosen.beside == Beside::kInServer) {
    const auto done = run_in_server(context.library, argc, argv, context.stop_on_interrupt);
    if (!done) return fail(context, done.error(), context.json);
    if (*done) return **done;
  }
  const Result<ExitCode> done = chosen.run(context);
  if (!done) return fail(context, done.error(), context.json);
  if (std::fflush(context.out) == 0 && std::ferror(context.out) == 0) return *done;
  fmt::print(context.err, "mimeme: the answer could not be written: is the disk full?\n");
  return kExitFailed;
}

}  // namespace mimeme
