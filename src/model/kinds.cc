#include "model/kinds.h"

#include <algorithm>

#include "base/ascii.h"

namespace mimeme {
namespace {

// "word: classes" names the classes that are added up for the word: "a..b" is all from a to b,
// which ImageNet's order, that of WordNet, makes a kind of thing; a line may go on in the next,
// with its word again. A line without a word is of classes that are called what people call them.
//
// What is not here is never said. Left out are names that nobody types (most species of bird, fish,
// beetle), and classes that were seen to stand for what ImageNet has no class for: `clock`, `hook`,
// `vase`, `umbrella` for letters and drawings; `orange`, `lemon`, `squash` for one another and
// other fruit; `antelope` for deer; `Pomeranian` for shibas, `Persian cat` for flat-faced cats;
// `wig` for hair; `tench`, always photographed in an angler's hands, for people.
constexpr std::string_view kTable = R"(
animal: goldfish..puffer
fish: goldfish..stingray, barracouta..puffer
shark: great white shark..hammerhead
ray: electric ray..stingray
goldfish, lionfish
bird: cock..great grey owl, black grouse..black swan, white stork..albatross
chicken: cock..hen
rooster: cock
eagle: bald eagle
owl: great grey owl
parrot: African grey..lorikeet
duck: drake..red-breasted merganser
swan: black swan
stork: white stork..black stork
heron: little blue heron..bittern
penguin: king penguin
ostrich, robin, magpie, vulture, peacock, hummingbird, toucan, goose, flamingo, pelican
salamander: European fire salamander..axolotl
frog: bullfrog..tailed frog
turtle: loggerhead..box turtle
lizard: banded gecko..Komodo dragon
iguana: common iguana
chameleon: American chameleon, African chameleon
crocodile: African crocodile..American alligator
dinosaur: triceratops
snake: thunder snake..sidewinder
spider: black and gold garden spider..wolf spider
scorpion, tarantula, centipede
elephant: tusker, Indian elephant..African elephant
kangaroo: wallaby
platypus, koala, wombat
slug: slug..sea slug
crab: Dungeness crab..king crab, hermit crab
lobster: American lobster..crayfish
jellyfish, snail
whale: grey whale..killer whale
orca: killer whale
seal: sea lion
dog: Chihuahua..Mexican hairless
spaniel: Blenheim spaniel, Brittany spaniel..Irish water spaniel
hound: Afghan hound..Scottish deerhound
terrier: Staffordshire bullterrier..West Highland white terrier
schnauzer: miniature schnauzer..standard schnauzer
retriever: flat-coated retriever..Chesapeake Bay retriever
labrador: Labrador retriever
setter: English setter..Gordon setter
sheepdog: kuvasz..Bouvier des Flandres
collie: collie..Border collie
bulldog: French bulldog
husky: Eskimo dog..Siberian husky
corgi: Pembroke..Cardigan
poodle: toy poodle..standard poodle
Chihuahua, beagle, Yorkshire terrier, golden retriever, Rottweiler, German shepherd, Doberman
boxer, Great Dane, Saint Bernard, dalmatian, pug, Samoyed
wolf: timber wolf..red wolf
fox: red fox..grey fox
coyote, dingo, hyena
cat: tabby..Egyptian cat
tabby: tabby..tiger cat
leopard: leopard..jaguar
Siamese cat, cougar, lynx, lion, tiger, cheetah
bear: brown bear..sloth bear
polar bear: ice bear
mongoose, meerkat
insect: tiger beetle..lycaenid
beetle: tiger beetle..weevil
grasshopper: grasshopper..cricket
dragonfly: dragonfly..damselfly
butterfly: admiral..lycaenid
ladybug, fly, bee, ant, cockroach, mantis, cicada
rabbit: wood rabbit..Angora
squirrel: fox squirrel
hamster, porcupine, marmot, beaver, guinea pig
horse: sorrel
pig: hog..warthog
hippo: hippopotamus
cow: ox
buffalo: water buffalo..bison
sheep: ram..bighorn
goat: ibex
camel: Arabian camel
zebra, wild boar, llama
weasel: weasel..mink
ferret: polecat..black-footed ferret
sloth: three-toed sloth
otter, skunk, badger, armadillo
ape: orangutan..siamang
monkey: guenon..squirrel monkey
lemur: Madagascar cat..indri
red panda: lesser panda
panda: giant panda
orangutan, gorilla, chimpanzee, baboon
food: guacamole..pomegranate, carbonara..eggnog
bread: French loaf..pretzel
popsicle: ice lolly
hamburger: cheeseburger
hot dog: hotdog
pasta: carbonara
ice cream, bagel, pretzel, pizza, burrito
vegetable: head cabbage..mushroom
cabbage: head cabbage
pepper: bell pepper
mushroom: mushroom, agaric..stinkhorn, hen-of-the-woods..bolete
corn: corn, ear
broccoli, cauliflower, cucumber, artichoke
fruit: Granny Smith..pomegranate
apple: Granny Smith
citrus: orange..lemon
strawberry, pineapple, banana, pomegranate
wine: red wine, wine bottle
coffee: espresso
flower: rapeseed..yellow lady's slipper
daisy, acorn
vehicle: airliner, ambulance, beach wagon, bicycle-built-for-two, bullet train, cab, canoe
vehicle: catamaran, container ship, convertible, electric locomotive, fire engine, fireboat
vehicle: forklift, freight car, garbage truck, go-kart, golfcart, half track, jeep, lifeboat
vehicle: limousine, liner, minibus, minivan, Model T, moped, motor scooter, mountain bike
vehicle: moving van, passenger car, pickup, police van, racer, recreational vehicle, schooner
vehicle: school bus, snowmobile, snowplow, speedboat, sports car, steam locomotive, streetcar
vehicle: tank, tow truck, tractor, trailer truck, tricycle, trimaran, trolleybus, warplane, yawl
car: beach wagon, cab, convertible, jeep, limousine, minivan, Model T, racer, sports car
race car: racer
taxi: cab
truck: fire engine, garbage truck, moving van, pickup, tow truck, trailer truck
pickup truck: pickup
fire truck: fire engine
bus: minibus, school bus, trolleybus
train: bullet train, electric locomotive, freight car, passenger car, steam locomotive
tram: streetcar
plane: airliner, warplane
fighter jet: warplane
rocket: missile, projectile, space shuttle
boat: canoe, catamaran, fireboat, gondola, lifeboat, schooner, speedboat, trimaran, yawl
sailboat: catamaran, schooner, trimaran, yawl
ship: aircraft carrier, container ship, liner, pirate, schooner
bicycle: bicycle-built-for-two, mountain bike
motorcycle: moped, motor scooter
wheel: car wheel
jeep, ambulance, garbage truck, school bus, tractor, forklift, tank, submarine, tricycle
balloon, parachute
musical instrument: accordion, acoustic guitar, banjo, bassoon, cello, cornet, drum
musical instrument: electric guitar, French horn, grand piano, harp, marimba, organ, sax
musical instrument: steel drum, trombone, upright, violin
guitar: acoustic guitar, electric guitar
trumpet: cornet
saxophone: sax
piano: grand piano, upright
accordion, acoustic guitar, electric guitar, banjo, violin, cello, drum, trombone, harp, microphone
hat: bearskin, bonnet, cowboy hat, mortarboard, sombrero
helmet: crash helmet, football helmet
shoe: clog, Loafer, running shoe, sandal
boot: cowboy boot
sunglasses: sunglass..sunglasses
gas mask: gasmask
uniform: military uniform
t-shirt: jersey
jeans: jean
sock, backpack, suit, bow tie, mask, kimono, bikini
baseball player: ballplayer
dumbbell: barbell, dumbbell
soccer ball, basketball, baseball, tennis ball, golf ball, volleyball, rugby ball, racket, swing
camera: Polaroid camera, reflex camera
phone: cellular telephone, dial telephone, pay-phone
computer: desktop computer, laptop, notebook
keyboard: computer keyboard, typewriter keyboard
gun: assault rifle, revolver, rifle
bandage: Band Aid
bottle: beer bottle, pop bottle, water bottle, wine bottle
television, cannon, binoculars, stethoscope, syringe, candle, teapot, bucket, frying pan
washing machine: washer
trash can: ashcan
toilet: toilet seat
toilet paper: toilet tissu
bathtub: bathtub, tub
bed: four-poster, studio couch
sofa: studio couch
chair: barber chair, folding chair, rocking chair
refrigerator, stove, microwave, toaster, throne, desk, bookcase
pen: ballpoint, fountain pen
teddy bear: teddy
hammer, screwdriver, shovel, paintbrush, jack-o'-lantern, Christmas stocking, piggy bank
tent: mountain tent
lighthouse: beacon
bridge: steel arch bridge, suspension bridge, viaduct
mailbox, traffic light, street sign, totem pole, castle, church, mosque, barn, fountain
mountain: alp
beach: seashore
lake: lakeside
volcano, cliff, coral reef, scuba diver
cartoon: comic book
)";

// Calls take(part) for each part of `text` between separators.
template <typename Take>
Result<> split(std::string_view text, std::string_view separator, Take take) {
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) TRY(take(text.substr(0, end)));
    text.remove_prefix(std::min(end + separator.size(), text.size()));
  }
  return {};
}

class Classes {
 public:
  explicit Classes(std::span<const std::string> labels) : labels_(labels) {}

  // Appends those of "a" or "a..b".
  Result<> append(std::string_view range, std::vector<size_t>& to) const {
    const size_t dots = range.find("..");
    const size_t first = TRY(find(range.substr(0, dots)));
    const size_t last = dots == range.npos ? first : TRY(find(range.substr(dots + 2)));
    for (size_t i = first; i <= last; ++i) to.push_back(i);
    return {};
  }

 private:
  Result<size_t> find(std::string_view name) const {
    const auto at = std::find(labels_.begin(), labels_.end(), name);
    if (at != labels_.end()) return static_cast<size_t>(at - labels_.begin());
    return Error{ErrorCode::kUnsupported,
                 "no class is labelled `" + std::string(name) + "`: these are not ImageNet's"};
  }

  std::span<const std::string> labels_;
};

}  // namespace

std::string_view kind_table() { return kTable; }

Result<std::vector<Kind>> parse_kinds(std::string_view table, std::span<const std::string> labels) {
  const Classes classes(labels);
  std::vector<Kind> kinds;
  TRY(split(table, "\n", [&](std::string_view line) -> Result<> {
    const size_t colon = line.find(": ");
    if (colon == line.npos)
      return split(line, ", ", [&](std::string_view name) -> Result<> {
        kinds.push_back({lower_ascii(name), {}});
        return classes.append(name, kinds.back().classes);
      });
    const std::string_view word = line.substr(0, colon);
    if (kinds.empty() || kinds.back().name != word) kinds.push_back({std::string(word), {}});
    return split(line.substr(colon + 2), ", ", [&](std::string_view range) {
      return classes.append(range, kinds.back().classes);
    });
  }));
  return kinds;
}

}  // namespace mimeme
