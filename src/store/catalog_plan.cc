#include <utility>

#include "store/appender.h"
#include "store/catalog.h"
#include "store/catalog_impl.h"

namespace mimeme {
namespace {

// Its tables are temporary, thus of its connection, which it keeps:
// - plan_scan(path, size, mtime_ns, problem, unseen, doubtful): what add() was given
// - plan_roots(root, prefix): the folders that were scanned, and how paths below them begin
// - plan_found(path, size, mtime_ns, problem, unseen, verdict): the scan, a path once, judged
//   'known', 'failed' (before), 'problem' (a new one), 'unseen', 'no matter' or 'todo'
// - plan_todo(n, path, size, mtime_ns) and plan_gone(path)
class PlanInCatalog : public Catalog::Plan {
 public:
  PlanInCatalog(Catalog::Impl& catalog, sql::Database::Lease lease)
      : catalog_(catalog), lease_(std::move(lease)) {}

  ~PlanInCatalog() override {
    for (const std::string table : {"scan", "roots", "found", "todo", "gone"})
      static_cast<void>(lease_->run("DROP TABLE IF EXISTS " + temporary(*lease_, "plan_" + table)));
    catalog_.planning = false;
  }

  Result<> start() {
    TRY(
        lease_->run("CREATE TEMP TABLE plan_scan(path VARCHAR, size BIGINT, mtime_ns BIGINT, "
                    "problem VARCHAR, unseen BIGINT, doubtful BIGINT)"));
    TRY(lease_->run("CREATE TEMP TABLE plan_roots(root VARCHAR, prefix VARCHAR)"));
    newest_ = TRY(lease_->integer("SELECT last FROM counters WHERE name = 'image'"));
    return {};
  }

  Result<> add(std::span<const Found> found) override {
    return catalog_.run(*lease_, sql::Mode::kRead, [&](sql::Connection& c) -> Result<> {
      auto out = TRY(sql::Appender::open(c, "plan_scan"));
      for (const Found& file : found) {
        out.text(file.path).integer(file.size).integer(file.mtime_ns).text(file.problem);
        out.integer(file.unseen ? 1 : 0).integer(file.doubtful ? 1 : 0);
        TRY(out.end_row());
      }
      return out.close();
    });
  }

  Result<PlanCounts> finish(std::span<const std::string> roots, ModelId model) override {
    return catalog_.write(*lease_, [&](sql::Connection& c) -> Result<PlanCounts> {
      TRY(c.run("ANALYZE plan_scan"));  // a server knows nothing of the size of temporary tables
      for (const std::string& root : roots)
        TRY(c.run("INSERT INTO plan_roots VALUES (?, ?)",
                  {without_slash(root), prefix_below(root)}));
      TRY(judge(c, model));
      TRY(record_problems(c));
      return count(c);
    });
  }

  Result<std::vector<Work>> next(int64_t after, int limit) override {
    auto rows = TRY(lease_->query(
        "SELECT n, path, size, mtime_ns FROM plan_todo WHERE n > ? AND n <= ? ORDER BY n",
        {after, after + limit}));
    std::vector<Work> work;
    while (rows.next())
      work.push_back({rows.integer(0), rows.text(1), rows.integer(2), rows.integer(3)});
    return work;
  }

  Result<> enqueue() override {
    if (lease_->dialect() == sql::Dialect::kDuckDb) return no_queue();
    return catalog_.write(*lease_, [](sql::Connection& c) -> Result<> {
      // What was queued before, and is gone or done by now.
      TRY(
          c.run("DELETE FROM queue WHERE stage = 'embed' AND EXISTS (SELECT 1 FROM plan_roots r "
                "WHERE queue.path = r.root OR starts_with(queue.path, r.prefix)) "
                "AND NOT EXISTS (SELECT 1 FROM plan_todo t WHERE t.path = queue.path)"));
      TRY(c.run(
          "INSERT INTO queue (stage, n, path, size, mtime_ns) "
          "SELECT 'embed', nextval('queue_n'), path, size, mtime_ns FROM plan_todo ORDER BY n "
          "ON CONFLICT (md5(path)) WHERE stage = 'embed' "
          "DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, tries = 0, error = "
          "'', "
          "worker = NULL, leased_until = NULL"));
      return {};
    });
  }

  Result<int64_t> remove_gone() override {
    return catalog_.write(*lease_, [](sql::Connection& c) -> Result<int64_t> {
      return forget_files(c, "path IN (SELECT path FROM plan_gone)");
    });
  }

 private:
  Result<> judge(sql::Connection& c, ModelId model) const {
    // Roots inside one another find a file twice.
    TRY(c.run(
        "CREATE TEMP TABLE plan_found AS "
        "SELECT s.path, s.size, s.mtime_ns, s.problem, s.unseen, CASE "
        "  WHEN s.unseen = 1 AND f.image_id IS NOT NULL THEN 'unseen' "
        "  WHEN s.doubtful = 1 THEN 'no matter' "
        "  WHEN s.problem <> '' AND f.size IS NULL AND f.error = s.problem THEN 'failed' "
        "  WHEN s.problem <> '' THEN 'problem' "
        "  WHEN f.size = s.size AND f.mtime_ns = s.mtime_ns AND f.error IS NOT NULL THEN 'failed' "
        "  WHEN f.size = s.size AND f.mtime_ns = s.mtime_ns AND EXISTS (SELECT 1 FROM embeddings e "
        "    WHERE e.image_id = f.image_id AND e.model_id = ?) THEN 'known' "
        "  ELSE 'todo' END AS verdict "
        "FROM (SELECT DISTINCT ON (path) * FROM plan_scan) s LEFT JOIN files f ON f.path = "
        "s.path",
        {model}));
    TRY(c.run("DROP TABLE " + temporary(c, "plan_scan")));
    TRY(c.run("ANALYZE plan_found"));
    TRY(c.run(
        "CREATE TEMP TABLE plan_todo AS SELECT row_number() OVER (ORDER BY path) AS n, path, size, "
        "mtime_ns FROM plan_found WHERE verdict = 'todo'"));
    // What lies below a folder that could not be read was not seen, but need not be gone; nor need
    // an image that was added, by an upload, after the scan had passed its folder.
    TRY(
        c.run("CREATE TEMP TABLE plan_gone AS SELECT path FROM files "
              "WHERE coalesce(image_id, 0) <= ? AND EXISTS (SELECT 1 FROM plan_roots r "
              "  WHERE files.path = r.root OR starts_with(files.path, r.prefix)) "
              "AND NOT EXISTS (SELECT 1 FROM plan_found f WHERE f.path = files.path) "
              "AND NOT EXISTS (SELECT 1 FROM plan_found f "
              "  WHERE f.unseen = 1 AND starts_with(files.path, rtrim(f.path, '/') || '/'))",
              {newest_}));
    return {};
  }

  static Result<> record_problems(sql::Connection& c) {
    TRY(forget_files(c, "path IN (SELECT path FROM plan_found WHERE verdict = 'problem')"));
    TRY(
        c.run("INSERT INTO files SELECT path, NULL, NULL, NULL, problem FROM plan_found "
              "WHERE verdict = 'problem'"));
    return {};
  }

  static Result<PlanCounts> count(sql::Connection& c) {
    auto rows =
        TRY(c.query("SELECT count(*) FILTER (WHERE verdict = 'known'), count(*) FILTER (WHERE "
                    "verdict = 'failed'), "
                    "count(*) FILTER (WHERE verdict = 'todo'), (SELECT count(*) FROM plan_gone) "
                    "FROM plan_found"));
    rows.next();
    PlanCounts counts{.unchanged = rows.integer(0),
                      .failed_before = rows.integer(1),
                      .todo = rows.integer(2),
                      .gone = rows.integer(3)};
    auto problems =
        TRY(c.query("SELECT path, problem FROM plan_found WHERE verdict IN ('problem', 'unseen') "
                    "ORDER BY path COLLATE \"C\""));
    while (problems.next()) counts.problems.push_back({problems.text(0), problems.text(1)});
    return counts;
  }

  Catalog::Impl& catalog_;
  const sql::Database::Lease lease_;
  ImageId newest_ = 0;  // when the scan began
};

}  // namespace

Result<std::unique_ptr<Catalog::Plan>> Catalog::start_plan() {
  auto lease = TRY(impl_->database->lease());
  if (impl_->planning.exchange(true))
    return Error{ErrorCode::kBusy, "another scan is running: wait for it, or stop it"};
  auto plan = std::make_unique<PlanInCatalog>(*impl_, std::move(lease));
  TRY(plan->start());
  return std::unique_ptr<Plan>(std::move(plan));
}

}  // namespace mimeme
