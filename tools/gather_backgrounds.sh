#!/usr/bin/env bash
# Gathers the photographs that training people stand before, from wallpaper packages of Debian 12.
#
#     bash tools/gather_backgrounds.sh out/photos
#
# Files and licences: docs/training-open-weights.md. They are used for training only; none is shipped.
set -euo pipefail
target=${1:?usage: gather_backgrounds.sh DIR}
mkdir -p "$target"
target=$(cd "$target" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
chmod 755 . # apt downloads as another user
apt-get download -qq mate-backgrounds lomiri-wallpapers-16.04 lomiri-wallpapers-20.04 plasma-workspace-wallpapers 2>&1
for package in *.deb; do dpkg-deb -x "$package" .; done

for name in Blinds Dune FreshFlower Garden GreenMeadow LadyBird RainDrops Storm TwoWings Wood YellowFlower; do
  cp "usr/share/backgrounds/mate/nature/$name.jpg" "$target/"
done
for name in Bridge_by_Sander_Klootwijk Dragonfly_by_Bolly Kleiber_by_Lukas_Baubkus Picture_0B_by_freespace \
  Picture_1A_by_freespace Wine_by_Jakkub_Mede aitzgorri_by_Aitzol_Berasategi free_by_Peter_Nerlich \
  friends_by_Aitzol_Berasategi greentock_by_Peter_Nerlich life_by_Aitzol_Berasategi \
  picosdeeuropa_by_Aitzol_Berasategi seeding_by_Clements_Engelhardt sunset_by_Aitzol_Berasategi; do
  cp "usr/share/backgrounds/$name.jpg" "$target/"
done
for name in BytheWater ColdRipple ColorfulCups DarkestHour EveningGlow FallenLeaf Grey Kite OneStandsOut Path; do
  cp "usr/share/wallpapers/$name/contents/images/2560x1600.jpg" "$target/plasma_$name.jpg"
done
echo "$(find "$target" -name '*.jpg' | wc -l) photographs in $target"
