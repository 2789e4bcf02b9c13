locks:
	for extra in car trainer dev; do :; done
