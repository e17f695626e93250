#include "model/tokenizer.h"

#include <gtest/gtest.h>

#include <iterator>
#include <set>
#include <sstream>

namespace mimeme {
namespace {

struct Case {
  const char* text;
  const char* tokens;
};

// The tokens are what Hugging Face's tokenizers (Rust; npm @anush008/tokenizers 0.6.0) makes of the
// texts, given the tokenizer.json of the pinned MiniLM with its truncation and padding taken out.
constexpr Case kCases[] = {
    {"", ""},
    {"   \t\r\n ", ""},
    {"hello world", "hello world"},
    {"Hello, WORLD!", "hello , world !"},
    {"don't stop", "don ' t stop"},
    {"WHEN YOU SEE IT", "when you see it"},
    {"naïve café résumé", "naive cafe resume"},
    {"cafe\u0301 = café", "cafe = cafe"},
    {"Ångström ÑANDÚ", "ang ##strom nan ##du"},
    {"straße ẞ", "st ##raße ß"},
    {"İstanbul ısı", "istanbul ı ##s ##ı"},
    {"ΑΘΗΝΑΣ Σίσυφος", "α ##θ ##η ##ν ##α ##σ σ ##ι ##σ ##υ ##φ ##ος"},
    {"Привет, мир! Ёлка", "п ##р ##и ##в ##е ##т , м ##и ##р ! е ##л ##ка"},
    {"עִבְרִית", "ע ##ב ##ר ##י ##ת"},
    {"مَرحبا", "م ##ر ##ح ##ب ##ا"},
    {"हिन्दी", "ह ##ि ##न ##द ##ी"},
    {"ไทย", "[UNK]"},
    {"한국어 밈", "ᄒ ##ᅡ ##ᆫ ##ᄀ ##ᅮ ##ᆨ ##ᄋ ##ᅥ ᄆ ##ᅵ ##ᆷ"},
    {"ひらがな ガギグ", "ひ ##ら ##か ##な カ ##キ ##ク"},
    {"表情包memes真好笑", "[UNK] [UNK] [UNK] me ##mes 真 [UNK] [UNK]"},
    {"日本のミーム", "日 本 の ##ミ ##ー ##ム"},
    {"\uF900 \U0002F800x", "[UNK] [UNK] x"},
    {"㐀𠀀", "[UNK] [UNK]"},
    {"😂😂 lol 😂", "[UNK] lo ##l [UNK]"},
    {"👨\u200D👩\u200D👧 family", "[UNK] family"},
    {"❤\uFE0F 🇩🇪", "[UNK] [UNK]"},
    {"wtf?!?!... what—no", "w ##tf ? ! ? ! . . . what — no"},
    {"$5 + 3 = 8% ~ ^ ` < > |", "$ 5 + 3 = 8 % ~ ^ ` < > |"},
    {"me@example.com https://x.y/z_1?q=a&b#c",
     "me @ example . com https : / / x . y / z _ 1 ? q = a & b # c"},
    {"C++20, C# and .NET", "c + + 20 , c # and . net"},
    {"3.14 1,000,000 ½ ² ①", "3 . 14 1 , 000 , 000 ½ ² [UNK]"},
    {"“smart” ‘quotes’ «low»…", "“ smart ” ‘ quotes ’ « low » …"},
    {"a\u00A0b\u2003c\u3000d\u202Fe", "a b c d e"},
    {"zero\u200Bwidth soft\u00ADhyphen \uFEFFmark", "zero ##wi ##dt ##h soft ##hy ##ph ##en mark"},
    {"tab\tnew\nline\rcr\vvt\ffeed", "tab new line cr ##v ##tf ##eed"},
    {"bell\007 esc\033[31m del\177 nel\302\205x", "bell es ##c [ 31 ##m del ne ##l ##x"},
    {"\u2028line\u2029para", "line para"},
    {"a\uFFFDb", "ab"},
    {"private\uE000use", "private ##use"},
    {"antidisestablishmentarianism", "anti ##dis ##est ##ab ##lish ##ment ##arian ##ism"},
    {"unaffable embeddings", "una ##ffa ##ble em ##bed ##ding ##s"},
    {"ﬁne ﬂuﬀ", "ﬁ ##ne [UNK]"},
    {"™ ℃ \u212B \u212A", "™ [UNK] a k"},
    {"ｆｕｌｌ\u3000ｗｉｄｔｈ！", "[UNK] [UNK] ！"},
    {"Việt Nam Đà Nẵng", "viet nam đ ##a nan ##g"},
    {"Z\u0337a\u0335l\u0336g\u0334o\u0338", "za ##l ##go"},
    {"##ing [x] (y) {z}", "# # ing [ x ] ( y ) { z }"},
    {"ǅ Ⅷ", "[UNK] [UNK]"},
    {"\u0301", ""},
    {"\u037E \u1FEF", "; `"},
    {"mañana ¿Qué? ¡Sí!", "mana ##na ¿ que ? ¡ si !"},
    {"e\u0327\u0301x\u0301\u0327", "ex"},
    {"𝕸𝖊𝖒𝖊 𐐀", "[UNK] [UNK]"},
    {"the quick-brown fox_jumps", "the quick - brown fox _ jumps"},
    {"l33t sp34k r0fl", "l ##33 ##t sp ##34 ##k r ##0 ##fl"},
};

std::vector<std::string> split(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

// Knows the tokens of the table and no others. That changes none of them: a piece that is the
// longest of all 30,522 is the longest of these.
class TokenizerTest : public testing::Test {
 protected:
  TokenizerTest() {
    std::set<std::string> all;
    for (const Case& c : kCases)
      for (const std::string& token : split(c.tokens)) all.insert(token);
    all.erase("[UNK]");
    vocabulary_.insert(vocabulary_.end(), all.begin(), all.end());
    std::string lines;
    for (const std::string& token : vocabulary_) lines += token + "\n";
    tokenizer_ = Tokenizer::parse(lines).value();
  }

  // Without [CLS] and [SEP].
  std::string tokens(std::string_view text) const {
    const std::vector<int64_t> ids = tokenizer_->encode(text, 256);
    EXPECT_EQ(ids.front(), 2);
    EXPECT_EQ(ids.back(), 3);
    std::string joined;
    for (size_t i = 1; i + 1 < ids.size(); ++i)
      joined += (i > 1 ? " " : "") + vocabulary_.at(static_cast<size_t>(ids[i]));
    return joined;
  }

  std::vector<std::string> vocabulary_{"[PAD]", "[UNK]", "[CLS]", "[SEP]"};
  std::unique_ptr<const Tokenizer> tokenizer_;
};

TEST_F(TokenizerTest, GivesTheReferencesTokens) {
  for (const Case& c : kCases) EXPECT_EQ(tokens(c.text), c.tokens) << c.text;
}

TEST_F(TokenizerTest, AWordOfMoreThanAHundredCharactersIsUnknown) {
  const auto repeat = [](const char* letter, size_t n) {
    std::string text;
    for (size_t i = 0; i < n; ++i) text += letter;
    return text;
  };
  const auto tokenizer = Tokenizer::parse("[UNK]\n[CLS]\n[SEP]\nш\n##ш\n").value();
  EXPECT_EQ(tokenizer->encode(repeat("ш", 100), 256).size(), 102U);
  EXPECT_EQ(tokenizer->encode(repeat("ш", 101), 256), (std::vector<int64_t>{1, 0, 2}));
  EXPECT_EQ(tokenizer->encode(repeat("ш\u0301", 100), 256).size(), 102U);  // accents do not count
}

TEST_F(TokenizerTest, BytesThatAreNotUtf8ArePassedOver) {
  EXPECT_EQ(tokens("hello\xFF world"), "hello world");
  EXPECT_EQ(tokens("hel\xC3lo"), "hello");                  // a beginning without its end
  EXPECT_EQ(tokens("hel\xA9lo world\xC3"), "hello world");  // an end without its beginning
  EXPECT_EQ(tokens("hel\xC1\xA1lo"), "hello");              // an overlong "a"
  EXPECT_EQ(tokens("hel\xED\xA0\x80lo"), "hello");          // half of a surrogate pair
  EXPECT_EQ(tokens(std::string_view("hel\0lo", 6)), "hello");
}

TEST_F(TokenizerTest, NoTextBecomesASpecialToken) {
  EXPECT_EQ(tokens("[X]"), "[ x ]");
  EXPECT_EQ(tokens("[SEP]"), "[ [UNK] ]");
}

TEST_F(TokenizerTest, CutsOffWhatIsTooMuch) {
  const auto count = [&](size_t max) { return tokenizer_->encode("hello embeddings", max).size(); };
  EXPECT_EQ(count(256), 7U);
  EXPECT_EQ(count(7), 7U);
  EXPECT_EQ(count(4), 4U);
  EXPECT_EQ(count(2), 2U);
  EXPECT_EQ(tokenizer_->encode("hello embeddings", 4).back(), 3);
}

TEST(Tokenizer, AVocabularyThatLacksWhatEveryTextNeedsIsCorrupt) {
  for (const char* lacking : {"", "[CLS]\n[SEP]", "[UNK]\n[SEP]", "[UNK]\n[CLS]"}) {
    const auto tokenizer = Tokenizer::parse(lacking);
    ASSERT_FALSE(tokenizer) << lacking;
    EXPECT_EQ(tokenizer.error().code, ErrorCode::kCorrupt);
  }
  EXPECT_TRUE(Tokenizer::parse("[UNK]\n[CLS]\n[SEP]"));
}

}  // namespace
}  // namespace mimeme
